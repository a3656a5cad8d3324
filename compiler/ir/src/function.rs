//! The functions an expression can call, by family.
//!
//! This is the closed list the whole compiler agrees on: the checker types them, `eval` defines
//! the operators, `flow-stdlib` defines the native families, the JIT compiles the ones it can.
//! All of them are strict (null in, null out; error in, error out) and deterministic.

use serde::{Deserialize, Serialize};

macro_rules! functions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A strict function or operator.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Function { $($(#[$doc])* $variant,)* }

        impl Function {
            /// Whether its last argument is a lambda that is called on the elements of a list.
            pub fn takes_lambda(self) -> bool {
                matches!(
                    self,
                    Function::ListMap
                        | Function::ListFilter
                        | Function::ListAny
                        | Function::ListAll
                        | Function::ArgMin
                        | Function::ArgMax
                )
            }

            /// Every function, in declaration order.
            pub const ALL: &'static [Function] = &[$(Function::$variant,)*];

            /// The name in IR text; for functions a program can call, also the name there.
            pub fn name(self) -> &'static str {
                match self { $(Function::$variant => $name,)* }
            }

            /// The function of that IR name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Function::$variant),)* _ => None }
            }
        }
    };
}

functions! {
    // -- operators; both operands have the same kind unless stated --
    /// `a + b`: int, float, decimal, duration; date/timestamp + duration.
    Add = "+",
    /// `a - b`: as `Add`; timestamp - timestamp and date - date give a duration.
    Subtract = "-",
    /// `a * b`; also duration * int.
    Multiply = "*",
    /// `a / b` always a float (decimals convert).
    Divide = "/",
    /// `a // b`: floor division of ints, floats or decimals.
    FloorDivide = "//",
    /// `a % b`: remainder of floor division.
    Remainder = "%",
    /// `a ** b` of floats.
    Power = "**",
    /// `-a`.
    Negate = "neg",
    /// `not a`.
    Not = "not",
    /// `a == b`.
    Equal = "==",
    /// `a != b`.
    NotEqual = "!=",
    /// `a < b`.
    Less = "<",
    /// `a <= b`.
    LessEqual = "<=",
    /// `a > b`.
    Greater = ">",
    /// `a >= b`.
    GreaterEqual = ">=",
    /// `x in list` (the list's type is `list<T>`).
    In = "in",
    /// `x in lo..hi`, both ends included: `between(x, lo, hi)`.
    Between = "between",
    /// `text =~ regex`: does the pattern occur?
    Matches = "=~",
    /// `list[i]`, from 0; an index out of range is an error.
    Index = "index",
    // -- conversion --
    /// `int(x)` of float, decimal, string, bool.
    ToInt = "int",
    /// `float(x)`.
    ToFloat = "float",
    /// `decimal(x)` to the result's precision and scale.
    ToDecimal = "decimal",
    /// `string(x)`: the text that `write` would print.
    ToString = "string",
    /// `date(x)` of a timestamp or an ISO string; `date(x, format)`.
    ToDate = "date",
    /// `timestamp(x)` of a date or an RFC 3339 string; `timestamp(x, format)`.
    ToTimestamp = "timestamp",
    /// `bytes(x)` of a string.
    ToBytes = "bytes",
    /// `duration(x)` of a text such as `1h30min`.
    ToDuration = "duration",
    /// `json(x)`: the JSON text of a value without named fields.
    ToJson = "json",
    /// `json_get(text, path)`: the value at a path of a JSON text as text, or null.
    JsonGet = "json_get",
    /// The pieces of an f-string, joined: all arguments are strings.
    Concat = "concat",
    /// `format_number(x, spec)`: a hole `{x:.2f}` of an f-string.
    FormatNumber = "format_number",
    // -- text --
    /// Characters (Unicode scalar values) of a string, or elements of a list.
    Len = "len",
    /// Bytes of a string.
    ByteLen = "byte_len",
    /// Lower case, Unicode.
    Lower = "lower",
    /// Upper case, Unicode.
    Upper = "upper",
    /// Without white space at both ends.
    Trim = "trim",
    /// `replace(s, literal or regex, with)`.
    Replace = "replace",
    /// `split(s, literal or regex)`: the pieces, also empty ones.
    Split = "split",
    /// Prefix test.
    StartsWith = "starts_with",
    /// Suffix test.
    EndsWith = "ends_with",
    /// `contains(s, literal or regex)` or `contains(list, x)`.
    Contains = "contains",
    /// `slice(s, from, to)` in characters, half open, negative from the end; also of lists.
    Slice = "slice",
    /// `pad_left(s, width, fill)`.
    PadLeft = "pad_left",
    /// `pad_right(s, width, fill)`.
    PadRight = "pad_right",
    /// `repeat(s, n)`.
    Repeat = "repeat",
    /// `reverse(s)` or of a list.
    Reverse = "reverse",
    /// `extract(s, regex)`: the first group of the first match (the whole match without groups), or null.
    Extract = "extract",
    /// `extract_all(s, regex)`.
    ExtractAll = "extract_all",
    /// The fewest insertions, deletions and replacements of characters between two texts.
    Levenshtein = "edit_distance",
    /// `url_encode(s)`: all but unreserved characters as `%XX`.
    UrlEncode = "url_encode",
    /// `url_decode(s)`: `%XX` as bytes, which must be UTF-8.
    UrlDecode = "url_decode",
    /// `base64(x)` of a string or bytes, padded.
    Base64 = "base64",
    /// Bytes from base 64.
    FromBase64 = "from_base64",
    /// `hex(x)` of a string or bytes, in lower case.
    Hex = "hex",
    /// Bytes from hexadecimal digits.
    FromHex = "from_hex",
    /// `utf8(b)`: the text that bytes hold.
    Utf8 = "utf8",
    // -- numbers --
    /// `abs(x)`.
    Abs = "abs",
    /// `round(x)` half away from zero to float; `round(x, digits)`.
    Round = "round",
    /// `floor(x)`.
    Floor = "floor",
    /// `ceil(x)`.
    Ceil = "ceil",
    /// `sqrt(x)`; of a negative number an argument error.
    Sqrt = "sqrt",
    /// `e ** x`, from the bundled software library, like all of the next six.
    Exp = "exp",
    /// Natural logarithm; of a number that is not positive an argument error.
    Ln = "ln",
    /// Decimal logarithm; of a number that is not positive an argument error.
    Log10 = "log10",
    /// Sine of radians.
    Sin = "sin",
    /// Cosine of radians.
    Cos = "cos",
    /// Tangent of radians.
    Tan = "tan",
    /// Arc sine; outside of -1 to 1 an argument error.
    Asin = "asin",
    /// Arc cosine; outside of -1 to 1 an argument error.
    Acos = "acos",
    /// Arc tangent.
    Atan = "atan",
    /// `atan2(y, x)`: the angle of a point, from the whole circle.
    Atan2 = "atan2",
    /// The smallest argument.
    Least = "least",
    /// The largest argument.
    Greatest = "greatest",
    /// -1, 0 or 1.
    Sign = "sign",
    /// NaN test.
    IsNan = "is_nan",
    /// Two's-complement addition.
    WrappingAdd = "wrapping_add",
    /// Two's-complement subtraction.
    WrappingSub = "wrapping_sub",
    /// Two's-complement multiplication.
    WrappingMul = "wrapping_mul",
    // -- time --
    /// Calendar year of a date or timestamp (UTC).
    Year = "year",
    /// Month 1 to 12.
    Month = "month",
    /// Day of the month.
    Day = "day",
    /// ISO weekday: Monday 1 to Sunday 7.
    Weekday = "weekday",
    /// Hour of a timestamp (UTC).
    Hour = "hour",
    /// Minute of a timestamp.
    Minute = "minute",
    /// Second of a timestamp.
    Second = "second",
    /// `trunc(at, "year" | "month" | "week" | "day" | "hour" | "minute" | "second")`.
    Trunc = "trunc",
    /// `format(at, "%Y-%m")`.
    FormatTime = "format",
    /// Seconds of a duration, as a float.
    Seconds = "seconds",
    /// `add_months(at, n)`, clamped to the month's last day.
    AddMonths = "add_months",
    /// `at_zone(at, zone)`: what the clocks of a zone show at a moment, as a timestamp.
    AtZone = "at_zone",
    /// `from_zone(clock, zone)`: the moment at which the clocks of a zone show so.
    FromZone = "from_zone",
    // -- other --
    /// A stable 64-bit hash of any value.
    Hash = "hash",
    /// The list's texts with a separator between them.
    JoinText = "join",
    /// `get(list, i)`: null where out of range.
    Get = "get",
    /// `map(list, x -> e)`.
    ListMap = "map",
    /// `filter(list, x -> e)`.
    ListFilter = "filter",
    /// `any(list, x -> p)`: whether `p` is true for an element.
    ListAny = "any",
    /// `all(list, x -> p)`: whether `p` is true for every element.
    ListAll = "all",
    /// `zip(a, b)`: the pairs `{ left, right }` of two equally long lists.
    Zip = "zip",
    /// Mean of a list of numbers, null if empty.
    ListMean = "mean",
    /// Sum of a list.
    ListSum = "sum",
    /// Least element of a list, null if empty.
    ListMin = "min",
    /// Greatest element of a list, null if empty.
    ListMax = "max",
    /// `sort(list)`.
    ListSort = "sort",
    /// `distinct(list)`, first occurrences.
    ListDistinct = "distinct",
    /// `argmin(list, x -> key)`: the index of the first least key, null if there is none.
    ArgMin = "argmin",
    /// `argmax(list, x -> key)`: the index of the first greatest key, null if there is none.
    ArgMax = "argmax",
    /// `dot(a, b)`: the sum of the products of two equally long lists of floats.
    Dot = "dot",
    /// `range(from, to)`: the ints from `from` up to, but not including, `to`.
    Range = "range",
}
