//! Compresses what is written to a file, if its suffix says so.
//!
//! Invariant: the compressed bytes depend on the text alone. Encoders may cut their blocks where
//! the caller's pieces end, so they are fed pieces of one size, however the text arrives.

use flow_ir::compression::Compression;
use std::fs::File;
use std::io::{self, Write};

/// Bytes that an encoder is fed at a time.
const PIECE_BYTES: usize = 128 << 10;

/// A file that takes bytes and holds them compressed.
pub(crate) struct Compressed {
    encoder: Encoder,
    /// Less than a piece.
    waiting: Vec<u8>,
}

enum Encoder {
    Gzip(flate2::write::GzEncoder<File>),
    Zstd(zstd::Encoder<'static, File>),
    Bzip2(bzip2::write::BzEncoder<File>),
    Xz(liblzma::write::XzEncoder<File>),
}

impl std::fmt::Debug for Compressed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Compressed({} bytes waiting)", self.waiting.len())
    }
}

impl Compressed {
    /// Compresses into `file`, with the level that the format's own tool has by default.
    pub(crate) fn new(file: File, compression: Compression) -> io::Result<Self> {
        let encoder = match compression {
            // No name and no time in the header, so that equal texts make equal files.
            Compression::Gzip => {
                Encoder::Gzip(flate2::write::GzEncoder::new(file, flate2::Compression::new(6)))
            }
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(file, 3)?;
                encoder.include_checksum(true)?;
                Encoder::Zstd(encoder)
            }
            Compression::Bzip2 => {
                Encoder::Bzip2(bzip2::write::BzEncoder::new(file, bzip2::Compression::best()))
            }
            Compression::Xz => Encoder::Xz(liblzma::write::XzEncoder::new(file, 6)),
        };
        Ok(Compressed { encoder, waiting: Vec::with_capacity(PIECE_BYTES) })
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while self.waiting.len() + bytes.len() >= PIECE_BYTES {
            let (now, later) = bytes.split_at(PIECE_BYTES - self.waiting.len());
            self.waiting.extend_from_slice(now);
            self.encoder.writer().write_all(&self.waiting)?;
            self.waiting.clear();
            bytes = later;
        }
        self.waiting.extend_from_slice(bytes);
        Ok(())
    }

    /// Ends the stream; the file holds all of it.
    pub(crate) fn finish(mut self) -> io::Result<File> {
        self.encoder.writer().write_all(&self.waiting)?;
        match self.encoder {
            Encoder::Gzip(e) => e.finish(),
            Encoder::Zstd(e) => e.finish(),
            Encoder::Bzip2(e) => e.finish(),
            Encoder::Xz(e) => e.finish(),
        }
    }
}

impl Encoder {
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Encoder::Gzip(e) => e,
            Encoder::Zstd(e) => e,
            Encoder::Bzip2(e) => e,
            Encoder::Xz(e) => e,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decompress::open_text;
    use std::io::Read;

    #[test]
    fn pieces_do_not_show_in_the_bytes() {
        let text: Vec<u8> = (0..400_000u32)
            .flat_map(|i| format!("{},{}\n", i, i.wrapping_mul(i) % 977).into_bytes())
            .collect();
        for (compression, suffix) in Compression::ALL {
            let path =
                std::env::temp_dir().join(format!("flowc-compress-{}.txt{suffix}", std::process::id()));
            let mut first = None;
            // The last one is slow for small pieces of five megabytes, so it gets a part of the text.
            for size in [7, 1000, 131_072, 200_000, text.len()] {
                let text = if compression == Compression::Gzip { &text[..] } else { &text[..500_000] };
                let mut to = Compressed::new(File::create(&path).expect("create"), compression).expect("new");
                text.chunks(size).for_each(|piece| to.write(piece).expect("write"));
                to.finish().expect("finish");
                let bytes = std::fs::read(&path).expect("read");
                assert_eq!(
                    first.get_or_insert_with(|| bytes.clone()),
                    &bytes,
                    "{suffix} in pieces of {size}"
                );
                let mut back = Vec::new();
                open_text(path.to_str().expect("utf-8")).expect("open").read_to_end(&mut back).expect("text");
                assert!(back == text, "{suffix}");
            }
            std::fs::remove_file(path).expect("clean");
        }
    }

    #[test]
    fn streams_that_are_cut_off_or_changed_are_errors() {
        let text: Vec<u8> =
            (0..3000u32).flat_map(|i| format!("{}\n", i * 7919 % 100_003).into_bytes()).collect();
        for (compression, suffix) in Compression::ALL {
            let name = |what: &str| {
                std::env::temp_dir().join(format!("flowc-cut-{}-{what}.txt{suffix}", std::process::id()))
            };
            let path = name("whole");
            let mut to = Compressed::new(File::create(&path).expect("create"), compression).expect("new");
            to.write(&text).expect("write");
            to.finish().expect("finish");
            let whole = std::fs::read(&path).expect("read");
            let read = |bytes: &[u8], what: &str| {
                let path = name(what);
                std::fs::write(&path, bytes).expect("write");
                let mut back = Vec::new();
                let outcome = open_text(path.to_str().expect("utf-8"))
                    .and_then(|mut r| r.read_to_end(&mut back))
                    .map(|_| back);
                std::fs::remove_file(path).expect("clean");
                outcome
            };
            let twice =
                read(&[whole.clone(), whole.clone()].concat(), "twice").expect("two streams are one text");
            assert!(twice == [text.clone(), text.clone()].concat(), "{suffix}");
            for end in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
                let error = read(&whole[..end], "cut").expect_err("a stream without its end");
                assert!(error.to_string().contains(compression.name()), "{suffix} at {end}: {error}");
            }
            for at in (0..whole.len()).step_by(53) {
                let mut changed = whole.clone();
                changed[at] ^= 0x55;
                // Some bytes of a header mean nothing; no change may alter the text.
                if let Ok(back) = read(&changed, "changed") {
                    assert!(back == text, "{suffix}: byte {at} changes the text");
                }
            }
            std::fs::remove_file(path).expect("clean");
        }
    }
}
