//! Items: definitions, tests and the pipelines that run.

use super::{Builder, Children};
use crate::ast::*;
use crate::error::SyntaxError;
use crate::parser::{Node, Rule};
use crate::span::Span;

impl Builder<'_> {
    /// An `item` or `bare_item` node.
    pub(crate) fn item(&mut self, node: Node<'_>) -> Item {
        let span = self.span(&node);
        let doc = self.doc_before(span.start);
        let kind = match node.into_inner().next() {
            Some(inner) => self.item_kind(inner, span),
            None => ItemKind::Error,
        };
        Item { kind, span, doc }
    }

    /// An item that recovery put together from its parts.
    pub(crate) fn assembled(&self, kind: ItemKind, span: Span) -> Item {
        Item { kind, span, doc: self.doc_before(span.start) }
    }

    fn item_kind(&mut self, node: Node<'_>, span: Span) -> ItemKind {
        let rule = node.as_rule();
        if rule == Rule::bare_pipeline {
            return ItemKind::Pipeline(self.pipeline(Some(node), span));
        }
        let mut children = Children::of(node);
        match rule {
            Rule::import => ItemKind::Import(match children.accept(Rule::path) {
                Some(path) => Import::Module(self.path(path)),
                None => Import::File {
                    path: self.str_lit(children.accept(Rule::string), span),
                    alias: children
                        .accept(Rule::import_as)
                        .and_then(|part| Children::of(part).accept(Rule::ident))
                        .map(|name| self.name(&name)),
                },
            }),
            Rule::schema_def => {
                let name = self.name_or_missing(children.accept(Rule::ident), span);
                let fields = match children.accept(Rule::fields) {
                    Some(fields) => self.fields(fields),
                    None => Fields { fields: Vec::new(), span: span.after() },
                };
                ItemKind::Schema(SchemaDef { name, fields })
            }
            Rule::param => ItemKind::Param(ParamDef {
                name: self.name_or_missing(children.accept(Rule::ident), span),
                ty: self.ty(children.accept(Rule::ty), span),
                default: children.accept(Rule::expr).map(|value| self.expr(value)),
            }),
            Rule::const_def => ItemKind::Const(ConstDef {
                name: self.name_or_missing(children.accept(Rule::ident), span),
                value: self.expr_or_missing(children.accept(Rule::expr), span),
            }),
            Rule::fn_def => ItemKind::Fn(self.fn_def(children, span)),
            Rule::pipe_def => {
                let (name, params) = self.pipe_head(children.accept(Rule::pipe_head), span);
                let stages = children.map(|stage| self.stage(stage, None)).collect();
                ItemKind::Pipe(PipeDef { name, params, stages })
            }
            Rule::let_def => {
                let name = self.name_or_missing(children.accept(Rule::ident), span);
                ItemKind::Let(LetDef { name, value: self.let_value(children.next(), span) })
            }
            Rule::test_def => ItemKind::Test(TestDef {
                name: self.str_lit(children.accept(Rule::string), span),
                steps: children.map(|step| self.step(step)).collect(),
            }),
            _ => ItemKind::Pipeline(self.pipeline(children.next(), span)),
        }
    }

    fn fn_def(&mut self, mut children: Children<'_>, span: Span) -> FnDef {
        let name = self.name_or_missing(children.accept(Rule::ident), span);
        let params = self.params(children.accept(Rule::params));
        let result = children.accept(Rule::ty).map(|ty| self.ty(Some(ty), span));
        let body = match children.accept(Rule::block) {
            Some(block) => self.block(block, span),
            None => {
                let value = self.expr_or_missing(children.accept(Rule::expr), span);
                FnBody { lets: Vec::new(), value, block: false }
            }
        };
        FnDef { name, params, result, body }
    }

    fn params(&mut self, node: Option<Node<'_>>) -> Vec<FnParam> {
        let Some(node) = node else { return Vec::new() };
        let param = |param: Node<'_>| {
            let span = self.span(&param);
            let mut children = Children::of(param);
            let name = self.name_or_missing(children.accept(Rule::ident), span);
            FnParam { name, ty: children.accept(Rule::ty).map(|ty| self.ty(Some(ty), span)), span }
        };
        Children::of(node).map(param).collect()
    }

    fn block(&mut self, node: Node<'_>, near: Span) -> FnBody {
        let mut lets = Vec::new();
        let mut value = None;
        for part in Children::of(node) {
            let span = self.span(&part);
            if part.as_rule() == Rule::block_let {
                let mut children = Children::of(part);
                let name = self.name_or_missing(children.accept(Rule::ident), span);
                lets.push(FnLet {
                    name,
                    value: self.expr_or_missing(children.accept(Rule::expr), span),
                    span,
                });
            } else {
                value = Some(self.expr(part));
            }
        }
        let value = value.unwrap_or_else(|| Expr::new(ExprKind::Error, near.after()));
        FnBody { lets, value, block: true }
    }

    /// A `pipe_head` node.
    pub(crate) fn pipe_head(&mut self, node: Option<Node<'_>>, near: Span) -> (Name, Vec<FnParam>) {
        let mut children = node.map(Children::of);
        let mut take = |rule| children.as_mut().and_then(|children| children.accept(rule));
        let name = self.name_or_missing(take(Rule::ident), near);
        (name, self.params(take(Rule::params)))
    }

    /// The name of a test whose head has been parsed into `nodes`.
    pub(crate) fn test_name(&mut self, nodes: Vec<Node<'_>>, near: Span) -> StrLit {
        let name = nodes.into_iter().find(|node| node.as_rule() == Rule::string);
        self.str_lit(name, near)
    }

    fn let_value(&mut self, node: Option<Node<'_>>, near: Span) -> LetValue {
        match node {
            Some(node) if node.as_rule() == Rule::iterate => LetValue::Iterate(Box::new(self.iterate(node))),
            Some(node) if node.as_rule() == Rule::bad_value => {
                let span = self.span(&node);
                let value = self.expr_or_missing(Children::of(node).accept(Rule::expr), span);
                LetValue::Pipeline(self.value_for_dataset(&value, near))
            }
            node => LetValue::Pipeline(self.pipeline(node, near)),
        }
    }

    /// `let x = 3`, `let y = orders`.
    fn value_for_dataset(&mut self, value: &Expr, item: Span) -> Pipeline {
        let span = value.outer();
        let keyword = Span::new(item.start, item.start + 3);
        let mut source = Source { kind: SourceKind::Error, span };
        let error = SyntaxError::new("F1013", span, "`let` names a dataset, and this is a value");
        let error = match dataset_path(value) {
            Some(path) => {
                let error = error
                    .label(span, format!("for the dataset `{path}`, write `from {path}`"))
                    .fix(span.before(), "from ");
                source.kind = SourceKind::From(path);
                error
            }
            None => error
                .label(span, "not a pipeline")
                .label(keyword, "for a value, write `const`")
                .fix(keyword, "const"),
        };
        self.error(error);
        Pipeline { source, stages: Vec::new(), span }
    }

    fn iterate(&mut self, node: Node<'_>) -> Iterate {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let name = self.name_or_missing(children.accept(Rule::ident), span);
        let start = self.start(children.accept(Rule::start), span);
        let rounds = self.expr_or_missing(children.accept(Rule::expr), span);
        let until = children.accept(Rule::until).and_then(|until| Children::of(until).accept(Rule::expr));
        let until = until.map(|condition| self.expr(condition));
        let body = self.pipeline(children.next(), span);
        Iterate { name, start, rounds, until, body, span }
    }

    fn start(&mut self, node: Option<Node<'_>>, near: Span) -> Pipeline {
        match node.and_then(|node| Children::of(node).next()) {
            Some(rows) if rows.as_rule() == Rule::rows => {
                let span = self.span(&rows);
                let source = Source { kind: SourceKind::Rows(self.rows(rows)), span };
                Pipeline { source, stages: Vec::new(), span }
            }
            pipeline => self.pipeline(pipeline, near),
        }
    }

    /// A `given` or `expect` node.
    pub(crate) fn step(&mut self, node: Node<'_>) -> TestStep {
        let span = self.span(&node);
        let rule = node.as_rule();
        let mut children = Children::of(node);
        if rule == Rule::given {
            let name = self.name_or_missing(children.accept(Rule::ident), span);
            TestStep::Given { name, value: self.pipeline(children.next(), span), span }
        } else {
            let actual = self.pipeline(children.next(), span);
            TestStep::Expect { actual, expected: self.pipeline(children.next(), span), span }
        }
    }
}

/// The dataset that a value looks like: a name, perhaps of an imported file.
fn dataset_path(value: &Expr) -> Option<Path> {
    match &value.kind {
        ExprKind::Ident(name) => Some(Path { names: vec![name.clone()], span: name.span }),
        ExprKind::Member { receiver, name } => {
            let mut path = dataset_path(receiver)?;
            path.names.push(name.clone());
            path.span = path.span.to(name.span);
            Some(path)
        }
        _ => None,
    }
}
