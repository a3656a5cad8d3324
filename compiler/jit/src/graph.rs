//! The expressions of a step list as one graph in which equal subexpressions are one node.
//!
//! Nodes stand in topological order: arguments come before their users, so every later pass is a
//! loop, not a recursion. Block variables disappear here (a variable *is* its value's node).
//! What only the interpreter can compute becomes one [`Op::Interpret`] node over the largest
//! possible region, whose inputs are ordinary nodes again.

use crate::engine::{Engine, Options};
use crate::error::JitError;
use crate::native::{self, Execution};
use flow_ir::expr::LocalId;
use flow_ir::{ColumnId, DataType, Expr, ExprKind, Function, Type, Value};
use std::collections::HashMap;

/// Deeper expressions than this are refused; the parser's own bound is far lower.
const DEPTH_MAX: usize = 1000;

/// A node's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(u32);

impl NodeId {
    /// The position in the graph.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a node computes from its arguments.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// An input column.
    Column(ColumnId),
    /// A constant.
    Literal(Value),
    /// A strict function.
    Call(Function),
    /// Kleene `and` of two.
    And,
    /// Kleene `or` of two.
    Or,
    /// `a is null`.
    IsNull,
    /// `a ?? b`.
    Coalesce,
    /// `if a then b else c`.
    If,
    /// `try(a)`.
    Try,
    /// `same(a, b)`.
    Same,
    /// `b`, unless `a` is an error: what a block's `let a` in front of `b` means.
    After,
    /// Piece `c` of `split(a, b)`, for constant `b` and `c`.
    SplitPart,
    /// An expression for the interpreter; its column `k` is the node's argument `k`.
    Interpret(Box<Expr>),
}

/// A node.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// What it computes.
    pub(crate) op: Op,
    /// From what.
    pub(crate) arguments: Vec<NodeId>,
    /// The type of the result.
    pub(crate) ty: DataType,
    /// How it is computed.
    pub(crate) execution: Execution,
    /// Why not faster.
    pub(crate) reason: &'static str,
}

/// The nodes, arguments first.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    nodes: Vec<Node>,
}

impl Graph {
    /// A node.
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// All ids, arguments first.
    pub(crate) fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The constant a node stands for.
    pub(crate) fn literal(&self, id: NodeId) -> Option<&Value> {
        match &self.node(id).op {
            Op::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// The kind of a node's result.
    pub(crate) fn kind(&self, id: NodeId) -> &Type {
        &self.node(id).ty.kind
    }
}

/// Builds a graph from expressions.
pub(crate) struct GraphBuilder {
    graph: Graph,
    /// Nodes by what they compute. Literals are told apart by their text, which separates what
    /// their equality does not: -0.0 from 0.0 and decimals of different scales.
    known: HashMap<(String, Vec<NodeId>), NodeId>,
    columns: HashMap<ColumnId, DataType>,
    options: Options,
    /// The variables of enclosing block `let`s.
    bound: Vec<(LocalId, NodeId)>,
    depth: usize,
}

impl GraphBuilder {
    /// A builder for expressions over these columns.
    pub(crate) fn new(columns: impl Iterator<Item = (ColumnId, DataType)>, options: Options) -> Self {
        GraphBuilder {
            graph: Graph::default(),
            known: HashMap::new(),
            columns: columns.collect(),
            options,
            bound: Vec::new(),
            depth: 0,
        }
    }

    /// Adds an expression.
    pub(crate) fn root(&mut self, expr: &Expr) -> Result<NodeId, JitError> {
        self.depth = 0;
        match (&expr.kind, self.options.engine) {
            (ExprKind::Column(_) | ExprKind::Literal(_), _) | (_, Engine::Jit) => self.add(expr),
            (_, Engine::Interpreter) => self.interpret(expr, "the interpreter was asked for"),
        }
    }

    /// The graph.
    pub(crate) fn finish(self) -> Graph {
        self.graph
    }

    fn add(&mut self, expr: &Expr) -> Result<NodeId, JitError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(JitError::TooDeep);
        }
        let node = self.add_form(expr)?;
        self.depth -= 1;
        // What stands for a bare `null` (a block variable, say) has the type its place gives it.
        let bare = matches!(&self.graph.node(node).op, Op::Literal(Value::Null));
        if bare && self.graph.node(node).ty != expr.ty {
            return Ok(self.intern(Op::Literal(Value::Null), Vec::new(), &expr.ty));
        }
        Ok(node)
    }

    fn add_form(&mut self, expr: &Expr) -> Result<NodeId, JitError> {
        match &expr.kind {
            ExprKind::Column(id) => self.column(*id),
            ExprKind::Literal(value) => Ok(self.intern(Op::Literal(value.clone()), Vec::new(), &expr.ty)),
            ExprKind::Local(id) => self.bound_node(*id).ok_or(JitError::UnboundLocal(id.0)),
            ExprKind::Call { function, arguments } => self.add_call(*function, arguments, expr),
            ExprKind::And(a, b) => self.add_pure(Op::And, &[a, b], expr),
            ExprKind::Or(a, b) => self.add_pure(Op::Or, &[a, b], expr),
            ExprKind::IsNull(a) => self.add_pure(Op::IsNull, &[a], expr),
            ExprKind::Coalesce(a, b) => self.add_pure(Op::Coalesce, &[a, b], expr),
            ExprKind::If { condition, then, otherwise } => {
                self.add_pure(Op::If, &[condition, then, otherwise], expr)
            }
            ExprKind::Try(a) => self.add_pure(Op::Try, &[a], expr),
            ExprKind::Same(a, b) => self.add_pure(Op::Same, &[a, b], expr),
            ExprKind::Let { local, value, body } => self.add_let(*local, value, body, expr),
            ExprKind::List(_) | ExprKind::Record(_) | ExprKind::Field(..) | ExprKind::Lambda { .. } => {
                self.interpret(expr, "lists and records are values of the interpreter")
            }
        }
    }

    fn add_pure(&mut self, op: Op, arguments: &[&Expr], expr: &Expr) -> Result<NodeId, JitError> {
        let nodes = arguments.iter().map(|a| self.add(a)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.intern(op, nodes, &expr.ty))
    }

    fn add_let(
        &mut self,
        local: LocalId,
        value: &Expr,
        body: &Expr,
        expr: &Expr,
    ) -> Result<NodeId, JitError> {
        let value = self.add(value)?;
        self.bound.push((local, value));
        let body = self.add(body);
        self.bound.pop();
        let body = body?;
        let source = matches!(self.graph.node(value).op, Op::Literal(_));
        Ok(if source { body } else { self.intern(Op::After, vec![value, body], &expr.ty) })
    }

    fn add_call(&mut self, function: Function, arguments: &[Expr], expr: &Expr) -> Result<NodeId, JitError> {
        if let Some((text, separator, at)) = split_part(function, arguments) {
            let nodes = vec![self.add(text)?, self.add(separator)?, self.add(at)?];
            return Ok(self.intern(Op::SplitPart, nodes, &expr.ty));
        }
        if arguments.iter().any(|a| matches!(a.kind, ExprKind::Lambda { .. })) {
            return self.interpret(expr, "functions with lambdas run in the interpreter");
        }
        let kinds: Vec<Type> = arguments.iter().map(|a| a.ty.kind.clone()).collect();
        let constants: Vec<Option<&Value>> = arguments
            .iter()
            .map(|a| if let ExprKind::Literal(v) = &a.kind { Some(v) } else { None })
            .collect();
        let (execution, reason) = native::call_execution(function, &kinds, &constants);
        if execution == Execution::Interpreter {
            return self.interpret(expr, reason);
        }
        let nodes = arguments.iter().map(|a| self.add(a)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.intern(Op::Call(function), nodes, &expr.ty))
    }

    /// Adds a node for the interpreter, with everything in it that can be computed elsewhere as
    /// its arguments.
    fn interpret(&mut self, expr: &Expr, reason: &'static str) -> Result<NodeId, JitError> {
        let mut region = Region { arguments: Vec::new(), lambda: Vec::new() };
        let mut own = expr.clone();
        if self.options.engine == Engine::Interpreter {
            self.rename_columns(&mut own, &mut region)?;
        } else {
            self.outline_children(&mut own, &mut region)?;
        }
        let node = Node {
            op: Op::Interpret(Box::new(own)),
            arguments: region.arguments,
            ty: expr.ty.clone(),
            execution: Execution::Interpreter,
            reason,
        };
        Ok(self.push(node))
    }

    /// With the interpreter alone, only columns are arguments.
    fn rename_columns(&mut self, expr: &mut Expr, region: &mut Region) -> Result<(), JitError> {
        if let ExprKind::Column(id) = &mut expr.kind {
            let node = self.column(*id)?;
            *id = region.argument(node);
            return Ok(());
        }
        let mut outcome = Ok(());
        expr.for_each_child_mut(|child| {
            if outcome.is_ok() {
                outcome = self.rename_columns(child, region);
            }
        });
        outcome
    }

    fn outline_children(&mut self, expr: &mut Expr, region: &mut Region) -> Result<(), JitError> {
        let parameters = match &expr.kind {
            ExprKind::Lambda { parameters, .. } => parameters.clone(),
            ExprKind::Let { local, .. } => vec![*local],
            _ => Vec::new(),
        };
        let outer = region.lambda.len();
        region.lambda.extend(parameters);
        let mut outcome = Ok(());
        expr.for_each_child_mut(|child| {
            if outcome.is_ok() {
                outcome = self.outline(child, region);
            }
        });
        region.lambda.truncate(outer);
        outcome
    }

    /// Replaces `expr` by an argument of the region, or prepares it to stay inside.
    fn outline(&mut self, expr: &mut Expr, region: &mut Region) -> Result<(), JitError> {
        if matches!(expr.kind, ExprKind::Literal(_)) {
            return Ok(());
        }
        if matches!(expr.kind, ExprKind::Lambda { .. }) || uses_any(expr, &region.lambda) {
            if let ExprKind::Local(id) = &expr.kind
                && region.lambda.contains(id)
            {
                return Ok(());
            }
            return self.outline_children(expr, region);
        }
        let node = self.add(expr)?;
        let ty = expr.ty.clone();
        let span = expr.span;
        let variable = matches!(expr.kind, ExprKind::Local(_));
        if let (Op::Interpret(inner), false) = (&self.graph.node(node).op, variable) {
            // The interpreter computes it anyway: take its region in, arguments renumbered. (What
            // a variable stands for may be used elsewhere too, so that stays a node.)
            let mut inner = (**inner).clone();
            let arguments = self.graph.node(node).arguments.clone();
            renumber(&mut inner, &arguments, region);
            *expr = inner;
        } else {
            *expr = Expr { kind: ExprKind::Column(region.argument(node)), ty, span };
        }
        Ok(())
    }

    fn bound_node(&self, id: LocalId) -> Option<NodeId> {
        self.bound.iter().rev().find(|(local, _)| *local == id).map(|(_, node)| *node)
    }

    fn column(&mut self, id: ColumnId) -> Result<NodeId, JitError> {
        let ty = self.columns.get(&id).cloned().ok_or(JitError::UnknownColumn(id))?;
        Ok(self.intern(Op::Column(id), Vec::new(), &ty))
    }

    fn intern(&mut self, op: Op, arguments: Vec<NodeId>, ty: &DataType) -> NodeId {
        let key = (format!("{op:?}:{ty}"), arguments.clone());
        if let Some(node) = self.known.get(&key) {
            return *node;
        }
        let (execution, reason) = native::execution(&self.graph, &op, &arguments, ty);
        let id = self.push(Node { op, arguments, ty: ty.clone(), execution, reason });
        self.known.insert(key, id);
        id
    }

    fn push(&mut self, node: Node) -> NodeId {
        let id = NodeId(self.graph.nodes.len() as u32);
        self.graph.nodes.push(node);
        id
    }
}

/// A region of the interpreter under construction.
struct Region {
    /// The nodes it reads, in the order of its columns.
    arguments: Vec<NodeId>,
    /// The variables bound inside it, around the current place.
    lambda: Vec<LocalId>,
}

impl Region {
    /// The column by which the region reads a node.
    fn argument(&mut self, node: NodeId) -> ColumnId {
        let at = self.arguments.iter().position(|n| *n == node).unwrap_or_else(|| {
            self.arguments.push(node);
            self.arguments.len() - 1
        });
        ColumnId(at as u32)
    }
}

/// Makes the columns of a finished region those of another region.
fn renumber(expr: &mut Expr, arguments: &[NodeId], region: &mut Region) {
    if let ExprKind::Column(id) = &mut expr.kind {
        *id = region.argument(arguments[id.0 as usize]);
    }
    expr.for_each_child_mut(|child| renumber(child, arguments, region));
}

/// Whether `expr` mentions one of the variables.
fn uses_any(expr: &Expr, locals: &[LocalId]) -> bool {
    if locals.is_empty() {
        return false;
    }
    if let ExprKind::Local(id) = &expr.kind {
        return locals.contains(id);
    }
    let mut found = false;
    expr.for_each_child(|child| found = found || uses_any(child, locals));
    found
}

/// The parts of `split(text, "separator")[3]`.
fn split_part(function: Function, arguments: &[Expr]) -> Option<(&Expr, &Expr, &Expr)> {
    let (Function::Index, [list, at]) = (function, arguments) else { return None };
    let ExprKind::Call { function: Function::Split, arguments } = &list.kind else { return None };
    let [text, separator] = arguments.as_slice() else { return None };
    let constant = |e: &Expr| matches!(&e.kind, ExprKind::Literal(Value::String(_) | Value::Int(_)));
    let plain = text.ty.kind == Type::String && separator.ty.kind == Type::String;
    (plain && constant(separator) && constant(at)).then_some((text, separator, at))
}
