//! Static types, and what functions and operators take and give.

use std::fmt;

use super::node::Function;

/// Static type of an expression; [`Ty::Dyn`] where only the event can tell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ty {
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Bytes,
    Timestamp,
    Duration,
    Type,
    List(Box<Ty>),
    Map(Box<(Ty, Ty)>),
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ty::Dyn => f.write_str("dyn"),
            Ty::Null => f.write_str("null"),
            Ty::Bool => f.write_str("bool"),
            Ty::Int => f.write_str("int"),
            Ty::Uint => f.write_str("uint"),
            Ty::Double => f.write_str("double"),
            Ty::Text => f.write_str("string"),
            Ty::Bytes => f.write_str("bytes"),
            Ty::Timestamp => f.write_str("google.protobuf.Timestamp"),
            Ty::Duration => f.write_str("google.protobuf.Duration"),
            Ty::Type => f.write_str("type"),
            Ty::List(item) => write!(f, "list({item})"),
            Ty::Map(entry) => write!(f, "map({}, {})", entry.0, entry.1),
        }
    }
}

impl Ty {
    pub fn list(item: Ty) -> Ty {
        Ty::List(Box::new(item))
    }

    pub fn map(key: Ty, value: Ty) -> Ty {
        Ty::Map(Box::new((key, value)))
    }

    /// The type that covers both, if values of the two may be compared; dyn goes with everything.
    pub fn join(&self, other: &Ty) -> Option<Ty> {
        match (self, other) {
            (Ty::Dyn, _) | (_, Ty::Dyn) => Some(Ty::Dyn),
            (Ty::List(a), Ty::List(b)) => Some(Ty::list(a.join(b)?)),
            (Ty::Map(a), Ty::Map(b)) => Some(Ty::map(a.0.join(&b.0)?, a.1.join(&b.1)?)),
            _ => (self == other).then(|| self.clone()),
        }
    }

    /// The type that covers a list's items or a map's values: dyn if they differ.
    pub fn cover<'t>(types: impl IntoIterator<Item = &'t Ty>) -> Ty {
        let mut types = types.into_iter();
        let Some(first) = types.next() else { return Ty::Dyn };
        types
            .try_fold(first.clone(), |cover, next| cover.join(next))
            .unwrap_or(Ty::Dyn)
    }

    fn fits(&self, wanted: P) -> bool {
        *self == Ty::Dyn
            || match wanted {
                P::Any => true,
                P::Bool => *self == Ty::Bool,
                P::Int => *self == Ty::Int,
                P::Uint => *self == Ty::Uint,
                P::Double => *self == Ty::Double,
                P::Text => *self == Ty::Text,
                P::Bytes => *self == Ty::Bytes,
                P::Timestamp => *self == Ty::Timestamp,
                P::Duration => *self == Ty::Duration,
                P::Type => *self == Ty::Type,
                P::List => matches!(self, Ty::List(_)),
                P::Map => matches!(self, Ty::Map(_)),
            }
    }
}

/// Type of a parameter or result, as far as signatures need it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum P {
    Any,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Bytes,
    Timestamp,
    Duration,
    Type,
    List,
    Map,
}

impl P {
    fn ty(self) -> Ty {
        match self {
            P::Any => Ty::Dyn,
            P::Bool => Ty::Bool,
            P::Int => Ty::Int,
            P::Uint => Ty::Uint,
            P::Double => Ty::Double,
            P::Text => Ty::Text,
            P::Bytes => Ty::Bytes,
            P::Timestamp => Ty::Timestamp,
            P::Duration => Ty::Duration,
            P::Type => Ty::Type,
            P::List => Ty::list(Ty::Dyn),
            P::Map => Ty::map(Ty::Dyn, Ty::Dyn),
        }
    }
}

/// How a function is called: `f(x)`, `x.f()`, or both.
#[derive(Clone, Copy, PartialEq)]
enum Style {
    Global,
    Receiver,
    Both,
}

struct Signature {
    name: &'static str,
    style: Style,
    /// Parameters (the receiver first) and result.
    overloads: &'static [(&'static [P], P)],
}

const PARTS: &[(&[P], P)] = &[(&[P::Timestamp], P::Int), (&[P::Timestamp, P::Text], P::Int)];
const TIME_PARTS: &[(&[P], P)] = &[
    (&[P::Timestamp], P::Int),
    (&[P::Timestamp, P::Text], P::Int),
    (&[P::Duration], P::Int),
];
const ON_TEXT: &[(&[P], P)] = &[(&[P::Text, P::Text], P::Bool)];

const FUNCTIONS: &[Signature] = &[
    signature(
        "size",
        Style::Both,
        &[
            (&[P::Text], P::Int),
            (&[P::Bytes], P::Int),
            (&[P::List], P::Int),
            (&[P::Map], P::Int),
        ],
    ),
    signature("contains", Style::Receiver, ON_TEXT),
    signature("startsWith", Style::Receiver, ON_TEXT),
    signature("endsWith", Style::Receiver, ON_TEXT),
    signature("matches", Style::Both, ON_TEXT),
    signature("bool", Style::Global, &[(&[P::Bool], P::Bool), (&[P::Text], P::Bool)]),
    signature(
        "bytes",
        Style::Global,
        &[(&[P::Bytes], P::Bytes), (&[P::Text], P::Bytes)],
    ),
    signature(
        "double",
        Style::Global,
        &[
            (&[P::Double], P::Double),
            (&[P::Int], P::Double),
            (&[P::Uint], P::Double),
            (&[P::Text], P::Double),
        ],
    ),
    signature("dyn", Style::Global, &[(&[P::Any], P::Any)]),
    signature(
        "int",
        Style::Global,
        &[
            (&[P::Int], P::Int),
            (&[P::Uint], P::Int),
            (&[P::Double], P::Int),
            (&[P::Text], P::Int),
            (&[P::Timestamp], P::Int),
        ],
    ),
    signature(
        "string",
        Style::Global,
        &[
            (&[P::Text], P::Text),
            (&[P::Bool], P::Text),
            (&[P::Int], P::Text),
            (&[P::Uint], P::Text),
            (&[P::Double], P::Text),
            (&[P::Bytes], P::Text),
            (&[P::Timestamp], P::Text),
            (&[P::Duration], P::Text),
        ],
    ),
    signature(
        "uint",
        Style::Global,
        &[
            (&[P::Uint], P::Uint),
            (&[P::Int], P::Uint),
            (&[P::Double], P::Uint),
            (&[P::Text], P::Uint),
        ],
    ),
    signature("type", Style::Global, &[(&[P::Any], P::Type)]),
    signature(
        "timestamp",
        Style::Global,
        &[
            (&[P::Timestamp], P::Timestamp),
            (&[P::Text], P::Timestamp),
            (&[P::Int], P::Timestamp),
        ],
    ),
    signature(
        "duration",
        Style::Global,
        &[(&[P::Duration], P::Duration), (&[P::Text], P::Duration)],
    ),
    signature("getFullYear", Style::Receiver, PARTS),
    signature("getMonth", Style::Receiver, PARTS),
    signature("getDate", Style::Receiver, PARTS),
    signature("getDayOfMonth", Style::Receiver, PARTS),
    signature("getDayOfWeek", Style::Receiver, PARTS),
    signature("getDayOfYear", Style::Receiver, PARTS),
    signature("getHours", Style::Receiver, TIME_PARTS),
    signature("getMinutes", Style::Receiver, TIME_PARTS),
    signature("getSeconds", Style::Receiver, TIME_PARTS),
    signature("getMilliseconds", Style::Receiver, TIME_PARTS),
];

const fn signature(name: &'static str, style: Style, overloads: &'static [(&'static [P], P)]) -> Signature {
    Signature { name, style, overloads }
}

const NUMBERS: &[&[P]] = &[&[P::Int, P::Int], &[P::Uint, P::Uint], &[P::Double, P::Double]];

/// Operators whose operands are of one type, or nearly so; equality, `in`, logic and indexing have rules of their own.
#[allow(clippy::type_complexity, reason = "a table is read as a table")]
const OPERATORS: &[(&str, &[(&[P], P)])] = &[
    (
        "_+_",
        &[
            (NUMBERS[0], P::Int),
            (NUMBERS[1], P::Uint),
            (NUMBERS[2], P::Double),
            (&[P::Text, P::Text], P::Text),
            (&[P::Bytes, P::Bytes], P::Bytes),
            (&[P::List, P::List], P::List),
            (&[P::Timestamp, P::Duration], P::Timestamp),
            (&[P::Duration, P::Timestamp], P::Timestamp),
            (&[P::Duration, P::Duration], P::Duration),
        ],
    ),
    (
        "_-_",
        &[
            (NUMBERS[0], P::Int),
            (NUMBERS[1], P::Uint),
            (NUMBERS[2], P::Double),
            (&[P::Timestamp, P::Timestamp], P::Duration),
            (&[P::Timestamp, P::Duration], P::Timestamp),
            (&[P::Duration, P::Duration], P::Duration),
        ],
    ),
    ("_*_", ARITHMETIC),
    ("_/_", ARITHMETIC),
    ("_%_", &[(NUMBERS[0], P::Int), (NUMBERS[1], P::Uint)]),
    ("-_", &[(&[P::Int], P::Int), (&[P::Double], P::Double)]),
    ("_<_", ORDER),
    ("_<=_", ORDER),
    ("_>_", ORDER),
    ("_>=_", ORDER),
];
const ARITHMETIC: &[(&[P], P)] = &[(NUMBERS[0], P::Int), (NUMBERS[1], P::Uint), (NUMBERS[2], P::Double)];
const ORDER: &[(&[P], P)] = &[
    (NUMBERS[0], P::Bool),
    (NUMBERS[1], P::Bool),
    (NUMBERS[2], P::Bool),
    (&[P::Int, P::Uint], P::Bool),
    (&[P::Int, P::Double], P::Bool),
    (&[P::Uint, P::Int], P::Bool),
    (&[P::Uint, P::Double], P::Bool),
    (&[P::Double, P::Int], P::Bool),
    (&[P::Double, P::Uint], P::Bool),
    (&[P::Bool, P::Bool], P::Bool),
    (&[P::Text, P::Text], P::Bool),
    (&[P::Bytes, P::Bytes], P::Bool),
    (&[P::Timestamp, P::Timestamp], P::Bool),
    (&[P::Duration, P::Duration], P::Bool),
];

/// Result type of an operator, or the reason why it takes no such operands.
pub(super) fn operator(name: &'static str, operands: &[&Ty]) -> Result<Ty, String> {
    if let ("_+_", [Ty::List(a), Ty::List(b)]) = (name, operands) {
        return Ok(Ty::list(a.join(b).unwrap_or(Ty::Dyn)));
    }
    let overloads = OPERATORS
        .iter()
        .find(|(operator, _)| *operator == name)
        .map_or(&[][..], |(_, overloads)| *overloads);
    select(overloads, operands).ok_or_else(|| no_overload(name, operands))
}

/// Function and result type of a call, or the reason why there is none. With `receiver`, it is the first operand.
pub(super) fn function(name: &str, receiver: bool, operands: &[&Ty]) -> Result<(Function, Ty), String> {
    let Some(signature) = FUNCTIONS.iter().find(|signature| signature.name == name) else {
        let names: Vec<&str> = FUNCTIONS.iter().map(|signature| signature.name).collect();
        return Err(format!(
            "undeclared reference to '{name}' (in container ''); the functions are has, {}",
            names.join(", ")
        ));
    };
    let style = if receiver { Style::Receiver } else { Style::Global };
    if signature.style != Style::Both && signature.style != style {
        return Err(if receiver {
            format!("'{name}' is called as {name}(x), not as x.{name}()")
        } else {
            format!("'{name}' is called as x.{name}(…), not as {name}(x, …)")
        });
    }
    let result = select(signature.overloads, operands).ok_or_else(|| no_overload(name, operands))?;
    Ok((resolve(signature.name), result))
}

fn select(overloads: &[(&[P], P)], operands: &[&Ty]) -> Option<Ty> {
    let mut results = overloads
        .iter()
        .filter(|(params, _)| {
            params.len() == operands.len()
                && operands
                    .iter()
                    .zip(*params)
                    .all(|(operand, param)| operand.fits(*param))
        })
        .map(|(_, result)| result.ty());
    let first = results.next()?;
    Some(if results.all(|result| result == first) {
        first
    } else {
        Ty::Dyn
    })
}

/// CEL's wording for operands that nothing takes.
pub(super) fn no_overload(name: &str, operands: &[&Ty]) -> String {
    let operands: Vec<String> = operands.iter().map(|ty| ty.to_string()).collect();
    format!(
        "found no matching overload for '{name}' applied to '({})'",
        operands.join(", ")
    )
}

fn resolve(name: &'static str) -> Function {
    match name {
        "size" => Function::Size,
        "contains" => Function::Contains,
        "startsWith" => Function::StartsWith,
        "endsWith" => Function::EndsWith,
        "matches" => Function::Matches,
        "bool" => Function::Bool,
        "bytes" => Function::Bytes,
        "double" => Function::Double,
        "dyn" => Function::Dyn,
        "int" => Function::Int,
        "string" => Function::Text,
        "uint" => Function::Uint,
        "type" => Function::Type,
        "timestamp" => Function::Timestamp,
        "duration" => Function::Duration,
        part => Function::Part(part),
    }
}
