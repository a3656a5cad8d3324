//! The one test binary of flowc: programs in the language, run in every way that must not matter.

mod columnar;
mod compressed;
mod corruption;
mod documents;
mod durability;
mod folders;
mod killed_folders;
mod matrix;
mod oracles;
mod persist;
mod plan_shape;
mod process;
mod remote;
mod remote_server;
mod spectrum;
mod streams;
mod through;
mod tidy;
mod tools;
