//! `source_file()` and `source_line()`: where the row was read.
//!
//! They read columns of the `read` that no field names. Invariant: they mean something exactly where every
//! row is one of one `read` ([`Origin::Read`]).

use super::call::Call;
use super::{Checked, Scope};
use crate::compiler::Compiler;
use crate::diagnostic::Diagnostic;
use crate::row::{Origin, Row};
use flow_ir::{DataType, Expr, Type};

impl<'a> Compiler<'a> {
    pub(super) fn source_place(&mut self, call: Call<'a>, scope: &mut Scope<'_>) -> Option<Checked> {
        let name = call.name.text.as_str();
        if call.count() > 0 {
            let message = format!("`{name}` takes no arguments: it is about the row");
            self.report(Diagnostic::error("F3006", call.place, message));
            return None;
        }
        let aggregation = scope.aggregation.as_ref().filter(|a| a.window.is_none());
        if let Some(row) = aggregation.map(|a| a.row) {
            if self.origin_of(Some(row), call, scope).is_some() {
                let message = format!("`{name}()` has a value for each row, and here are many");
                self.report(
                    Diagnostic::error("F3004", call.place, message)
                        .help(format!("to pick one: first({name}()), min({name}())"))
                        .help(format!("to group by it: reduce_by_key place: {name}() {{ ... }}")),
                );
            }
            return None;
        }
        let row = scope.row;
        let (file, line) = self.origin_of(row, call, scope)?;
        let (id, kind) = match name {
            "source_file" => (file, Type::String),
            _ => (line, Type::Int),
        };
        Some(Checked::new(Expr::column(id, DataType::required(kind), call.place)))
    }

    /// The columns with the place of a row; says why there are none.
    fn origin_of(
        &mut self,
        row: Option<&Row>,
        call: Call<'a>,
        scope: &Scope<'_>,
    ) -> Option<(flow_ir::ColumnId, flow_ir::ColumnId)> {
        let name = call.name.text.as_str();
        let error = |message: String| Diagnostic::error("F4038", call.place, message);
        let diagnostic = match row {
            None if scope.function.is_some() => {
                error(format!("a function does not see the row, so `{name}()` means nothing in it"))
                    .help("give it to the function as an argument")
            }
            None => error(format!("there is no row here, so `{name}()` means nothing")),
            Some(row) => match row.origin {
                Origin::Read { file, line } => return Some((file, line)),
                // About a row that is not known, nothing is said.
                _ if row.open => return None,
                Origin::Lost(stage) => {
                    let word = self.text(stage);
                    error(format!("rows have no place in a file behind `{word}`"))
                        .label(stage, "rows are brought together here")
                        .help(format!("note it before: map {{ *, place: {name}() }}"))
                }
                Origin::None => error("these rows are read from no file".to_owned()),
            },
        };
        self.report(diagnostic.caption(format!("`{name}` is about rows of a `read`")));
        None
    }
}
