//! Random typed expressions and batches, from a seed.

use flow_ir::column::{ColumnBuilder, NULL, VALID};
use flow_ir::expr::{LocalId, Span};
use flow_ir::physical::TypedColumn;
use flow_ir::{Column, ColumnId, DataType, ErrorCode, Expr, ExprKind, Function, Type, Value};

/// The types expressions are generated at.
pub(crate) const TYPES: [Type; 8] = [
    Type::Bool,
    Type::Int,
    Type::Float,
    Type::Date,
    Type::Timestamp,
    Type::Duration,
    Type::String,
    Type::Decimal { precision: 18, scale: 2 },
];

/// A batch of every type.
pub(crate) struct TestBatch {
    /// Types and ids.
    pub(crate) columns: Vec<TypedColumn>,
    /// The data, in the same order.
    pub(crate) data: Vec<Column>,
    /// Rows.
    pub(crate) rows: usize,
}

impl TestBatch {
    /// The columns of some ids.
    pub(crate) fn pick(&self, ids: &[ColumnId]) -> Vec<&Column> {
        ids.iter().map(|id| &self.data[self.columns.iter().position(|c| c.id == *id).unwrap()]).collect()
    }
}

/// Functions by result, with the types of their arguments.
fn signatures() -> Vec<(Function, Vec<Type>, Type)> {
    use Function as F;
    use Type::{Bool, Date, Duration, Float, Int, String, Timestamp};
    let mut all = vec![
        (F::Divide, vec![Int, Int], Float),
        (F::Divide, vec![Float, Float], Float),
        (F::Divide, vec![Duration, Duration], Float),
        (F::FloorDivide, vec![Int, Int], Int),
        (F::Remainder, vec![Int, Int], Int),
        (F::FloorDivide, vec![Float, Float], Float),
        (F::Remainder, vec![Float, Float], Float),
        (F::Multiply, vec![Duration, Int], Duration),
        (F::Multiply, vec![Int, Duration], Duration),
        (F::Multiply, vec![Int, Int], Int),
        (F::Multiply, vec![Float, Float], Float),
        (F::Add, vec![Timestamp, Duration], Timestamp),
        (F::Add, vec![Duration, Timestamp], Timestamp),
        (F::Subtract, vec![Timestamp, Duration], Timestamp),
        (F::Subtract, vec![Timestamp, Timestamp], Duration),
        (F::Add, vec![Date, Duration], Date),
        (F::Add, vec![Duration, Date], Date),
        (F::Subtract, vec![Date, Duration], Date),
        (F::Subtract, vec![Date, Date], Duration),
        (F::Not, vec![Bool], Bool),
    ];
    for t in [Int, Float, Duration] {
        all.push((F::Add, vec![t.clone(), t.clone()], t.clone()));
        all.push((F::Subtract, vec![t.clone(), t.clone()], t.clone()));
        all.push((F::Negate, vec![t.clone()], t.clone()));
    }
    for t in [Bool, Int, Float, Date, Timestamp, Duration, String] {
        for f in [F::Equal, F::NotEqual, F::Less, F::LessEqual, F::Greater, F::GreaterEqual] {
            all.push((f, vec![t.clone(), t.clone()], Bool));
        }
        all.push((F::Between, vec![t.clone(), t.clone(), t.clone()], Bool));
        all.push((F::In, vec![t.clone(), Type::List(Box::new(DataType::nullable(t)))], Bool));
    }
    all.extend(library_signatures());
    all
}

/// Functions outside the operators that have native loops.
fn library_signatures() -> Vec<(Function, Vec<Type>, Type)> {
    use Function as F;
    use Type::{Bool, Date, Decimal, Duration, Float, Int, String, Timestamp};
    let mut all = vec![
        (F::Abs, vec![Int], Int),
        (F::Abs, vec![Float], Float),
        (F::Abs, vec![Duration], Duration),
        (F::Sign, vec![Int], Int),
        (F::Sign, vec![Duration], Int),
        (F::Sign, vec![Float], Float),
        (F::Sqrt, vec![Float], Float),
        (F::IsNan, vec![Float], Bool),
        (F::ToInt, vec![Bool], Int),
        (F::ToInt, vec![Int], Int),
        (F::ToInt, vec![Float], Int),
        (F::ToFloat, vec![Int], Float),
        (F::ToFloat, vec![Float], Float),
        (F::ToDate, vec![Date], Date),
        (F::ToDate, vec![Timestamp], Date),
        (F::ToTimestamp, vec![Date], Timestamp),
        (F::ToTimestamp, vec![Timestamp], Timestamp),
        (F::Trunc, vec![Timestamp, String], Timestamp),
        (F::Trunc, vec![Date, String], Date),
        (F::Seconds, vec![Duration], Float),
        (F::Len, vec![String], Int),
        (F::Upper, vec![String], String),
        (F::Add, vec![Decimal { precision: 18, scale: 2 }; 2], Decimal { precision: 18, scale: 2 }),
    ];
    for f in [F::WrappingAdd, F::WrappingSub, F::WrappingMul] {
        all.push((f, vec![Int, Int], Int));
    }
    for f in [F::Round, F::Floor, F::Ceil] {
        all.push((f, vec![Int], Int));
        all.push((f, vec![Float], Float));
    }
    for f in [F::Year, F::Month, F::Day, F::Weekday] {
        all.push((f, vec![Date], Int));
        all.push((f, vec![Timestamp], Int));
    }
    for f in [F::Hour, F::Minute, F::Second] {
        all.push((f, vec![Timestamp], Int));
    }
    for t in [Bool, Int, Float, Date, Timestamp, Duration] {
        for f in [F::Least, F::Greatest] {
            all.push((f, vec![t.clone(), t.clone()], t.clone()));
            all.push((f, vec![t.clone(), t.clone(), t.clone()], t.clone()));
        }
    }
    all
}

/// Whether a native loop computes the function.
fn is_fixed(function: Function, arguments: &[Type]) -> bool {
    let float_division = matches!(function, Function::FloorDivide | Function::Remainder)
        && arguments.first() == Some(&Type::Float);
    let calendar = function == Function::Trunc || function == Function::Seconds;
    !float_division
        && !calendar
        && !arguments.iter().any(|t| matches!(t, Type::String | Type::Decimal { .. }))
}

/// What a run must have reached, as `name(types)`.
pub(crate) fn wanted() -> Vec<String> {
    let forms = ["and", "or", "is null", "??", "if", "try", "same", "let"];
    let mut all: Vec<String> = signatures().iter().map(|(f, a, _)| key(*f, a)).collect();
    for t in TYPES {
        let skip = |f: &str| matches!(f, "and" | "or");
        all.extend(forms.iter().filter(|f| !skip(f)).map(|f| format!("{f}({t})")));
    }
    all.extend(["and(bool)".to_owned(), "or(bool)".to_owned()]);
    all
}

/// How a function with its argument types is counted.
pub(crate) fn key(function: Function, arguments: &[Type]) -> String {
    let types: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    format!("{}({})", function.name(), types.join(", "))
}

/// A seeded source of expressions and batches.
pub(crate) struct Generator {
    state: u64,
    locals: Vec<(LocalId, Type)>,
    next_local: u32,
    fixed: bool,
}

impl Generator {
    /// A generator whose output depends on the seed alone.
    pub(crate) fn new(seed: u64) -> Self {
        Generator {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678,
            locals: Vec::new(),
            next_local: 0,
            fixed: false,
        }
    }

    /// The same, but without types that have no fixed width.
    pub(crate) fn only_fixed(mut self) -> Self {
        self.fixed = true;
        self
    }

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// Two columns of every type, with or without nulls and errors.
    pub(crate) fn batch(&mut self) -> TestBatch {
        let rows = [0, 1, 2, 3, 4, 5, 7, 8, 9, 64, 65][self.below(11)];
        // Half of the batches have only valid rows, as most data does.
        let dirty = self.below(2) == 0;
        let mut columns = Vec::new();
        let mut data = Vec::new();
        for i in 0..TYPES.len() * 2 {
            let ty = &TYPES[i % TYPES.len()];
            let spoiled = dirty && self.below(3) > 0;
            let mut builder = ColumnBuilder::new(ty, rows);
            for _ in 0..rows {
                let status = if spoiled { self.status() } else { VALID };
                let value = self.value(ty);
                match status {
                    VALID => builder.push(Ok(&value)),
                    NULL => builder.push(Ok(&Value::Null)),
                    code => builder.push(Err(code)),
                }
            }
            let mut column = builder.finish();
            if spoiled {
                self.scribble(&mut column);
            }
            columns.push(TypedColumn { id: ColumnId(100 + i as u32), ty: DataType::nullable(ty.clone()) });
            data.push(column);
        }
        TestBatch { columns, data, rows }
    }

    fn status(&mut self) -> u8 {
        match self.below(6) {
            0 | 1 => NULL,
            2 => [ErrorCode::Malformed, ErrorCode::Overflow, ErrorCode::Check][self.below(3)] as u8,
            _ => VALID,
        }
    }

    /// Fills the value slots of invalid rows with anything at all: nothing may depend on them.
    fn scribble(&mut self, column: &mut Column) {
        use flow_ir::Values;
        for row in 0..column.len() {
            if column.status.get(row) == VALID {
                continue;
            }
            match &mut column.values {
                Values::Bool(v) => v[row] = self.next() as u8,
                Values::I64(v) => v[row] = [i64::MIN, i64::MAX, 0, -1][self.below(4)],
                Values::F64(v) => v[row] = [f64::NAN, 0.0, f64::INFINITY][self.below(3)],
                Values::I128(_) | Values::Str(_) | Values::Any(_) => {}
            }
        }
    }

    /// A value of a type, often a boundary one.
    pub(crate) fn value(&mut self, ty: &Type) -> Value {
        const INTS: [i64; 14] = [
            i64::MIN,
            i64::MIN + 1,
            i64::MAX,
            i64::MAX - 1,
            -1,
            0,
            1,
            2,
            3,
            -7,
            10,
            1 << 31,
            1 << 53,
            -(1 << 62),
        ];
        const FLOATS: [f64; 16] = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            -2.5,
            0.49999999999999994,
            1e300,
            -1e300,
            5e-324,
            f64::MAX,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            9.223372036854775e18,
            i64::MIN as f64,
        ];
        let int = if self.below(2) == 0 { INTS[self.below(INTS.len())] } else { self.below(20) as i64 - 10 };
        match ty {
            Type::Bool => Value::Bool(self.below(2) == 0),
            Type::Int => Value::Int(int),
            Type::Float if self.below(2) == 0 => Value::Float(FLOATS[self.below(FLOATS.len())]),
            Type::Float => Value::Float((self.below(2000) as f64 - 1000.0) / 8.0),
            Type::Date => Value::Date(match self.below(4) {
                0 => [i32::MIN, i32::MAX, 0, -1, 19_000][self.below(5)],
                _ => self.below(40_000) as i32 - 10_000,
            }),
            Type::Timestamp => {
                Value::Timestamp(int.wrapping_mul(if self.below(2) == 0 { 1 } else { 86_400_000_000 }))
            }
            Type::Duration => {
                Value::Duration(int.wrapping_mul([1, 1_000_000, 86_400_000_000][self.below(3)]))
            }
            Type::String => Value::string(["", "a", "ab", "b", "größe", "0"][self.below(6)]),
            Type::Decimal { scale, .. } => {
                Value::Decimal { unscaled: i128::from(int % 1_000_000), scale: *scale }
            }
            _ => Value::Null,
        }
    }

    /// An expression of a type.
    pub(crate) fn expr(&mut self, ty: &Type, depth: usize) -> Expr {
        let leaf = depth == 0 || self.below(8) == 0;
        if leaf { self.leaf(ty) } else { self.inner(ty, depth - 1) }
    }

    fn node(kind: ExprKind, ty: &Type) -> Expr {
        Expr { kind, ty: DataType::nullable(ty.clone()), span: Span::default() }
    }

    fn leaf(&mut self, ty: &Type) -> Expr {
        let local: Vec<LocalId> = self.locals.iter().filter(|(_, t)| t == ty).map(|(l, _)| *l).collect();
        match self.below(8) {
            0 => Self::node(ExprKind::Literal(self.value(ty)), ty),
            1 if self.below(2) == 0 => Self::node(ExprKind::Literal(Value::Null), ty),
            2 if self.below(3) == 0 => {
                Expr::literal(Value::Null, DataType::nullable(Type::Null), Span::default())
            }
            3 | 4 if !local.is_empty() => {
                let id = local[self.below(local.len())];
                Self::node(ExprKind::Local(id), ty)
            }
            _ => {
                let at = TYPES.iter().position(|t| t == ty).unwrap();
                let id = 100 + at + if self.below(2) == 0 { 0 } else { TYPES.len() };
                Self::node(ExprKind::Column(ColumnId(id as u32)), ty)
            }
        }
    }

    /// A leaf or an expression that is not a bare `null` without a type, which only some forms take.
    fn typed(&mut self, ty: &Type, depth: usize) -> Expr {
        let mut expr = self.expr(ty, depth);
        expr.ty.kind = ty.clone();
        expr
    }

    fn any_type(&mut self) -> Type {
        let count = if self.fixed { 6 } else { TYPES.len() };
        TYPES[self.below(count)].clone()
    }

    fn boxed(&mut self, ty: &Type, depth: usize) -> Box<Expr> {
        Box::new(self.expr(ty, depth))
    }

    fn inner(&mut self, ty: &Type, depth: usize) -> Expr {
        let kind = match self.below(12) {
            0 | 1 => ExprKind::If {
                condition: self.boxed(&Type::Bool, depth),
                then: self.boxed(ty, depth),
                otherwise: self.boxed(ty, depth),
            },
            2 => ExprKind::Coalesce(self.boxed(ty, depth), self.boxed(ty, depth)),
            3 => ExprKind::Try(self.boxed(ty, depth)),
            4 => return self.binding(ty, depth),
            5 if *ty == Type::Bool => {
                let asked = self.any_type();
                match self.below(4) {
                    0 => ExprKind::And(self.boxed(ty, depth), self.boxed(ty, depth)),
                    1 => ExprKind::Or(self.boxed(ty, depth), self.boxed(ty, depth)),
                    2 => ExprKind::IsNull(self.boxed(&asked, depth)),
                    _ => ExprKind::Same(self.boxed(&asked, depth), self.boxed(&asked, depth)),
                }
            }
            6 if *ty == Type::Bool => {
                if self.below(2) == 0 {
                    ExprKind::And(self.boxed(ty, depth), self.boxed(ty, depth))
                } else {
                    ExprKind::Or(self.boxed(ty, depth), self.boxed(ty, depth))
                }
            }
            _ => return self.call(ty, depth),
        };
        Self::node(kind, ty)
    }

    fn binding(&mut self, ty: &Type, depth: usize) -> Expr {
        let bound = self.any_type();
        let value = Box::new(self.typed(&bound, depth));
        let local = LocalId(self.next_local);
        self.next_local += 1;
        self.locals.push((local, bound));
        let body = self.boxed(ty, depth);
        self.locals.pop();
        Self::node(ExprKind::Let { local, value, body }, ty)
    }

    fn call(&mut self, ty: &Type, depth: usize) -> Expr {
        let mut fitting = signatures();
        let fixed = self.fixed;
        fitting.retain(|(f, a, result)| result == ty && (!fixed || is_fixed(*f, a)));
        if fitting.is_empty() {
            return self.leaf(ty);
        }
        let (function, arguments, _) = fitting[self.below(fitting.len())].clone();
        let arguments = arguments
            .iter()
            .map(|t| match t {
                Type::List(element) => self.list(&element.kind),
                Type::String if function == Function::Trunc => self.unit(),
                t => self.typed(t, depth),
            })
            .collect();
        Self::node(ExprKind::Call { function, arguments }, ty)
    }

    /// A unit of `trunc`.
    fn unit(&mut self) -> Expr {
        const UNITS: [&str; 8] = ["year", "quarter", "month", "week", "day", "hour", "minute", "second"];
        let unit = Value::string(UNITS[self.below(8)]);
        Expr::literal(unit, DataType::required(Type::String), Span::default())
    }

    /// A constant list, mostly short.
    fn list(&mut self, element: &Type) -> Expr {
        let len = if !self.fixed && self.below(10) == 0 { 20 } else { self.below(5) };
        let items: Vec<Value> =
            (0..len).map(|_| if self.below(8) == 0 { Value::Null } else { self.value(element) }).collect();
        let ty = Type::List(Box::new(DataType::nullable(element.clone())));
        Self::node(ExprKind::Literal(Value::List(items.into())), &ty)
    }
}
