//! Conditions on a call of a tool in the Common Expression Language, for what paths and patterns cannot say: numbers,
//! lengths, one value beside another.
//! Knows a call and nothing of the exchange. As short, and as bounded, as expressions over an exchange are.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use cel::{ExecutionError, Program, Value};

use super::arguments::Given;
use super::conditions::{Holds, Quantifier};
use super::expression::{compile, standard, text, verdict};

/// The facts, and what each is. `policies/README.md` lists the same.
pub(super) const FACTS: &[(&str, &str)] = &[
    ("tool", "string: name of the tool, in small letters"),
    ("arguments", "map: for each path the list of values there, all of them strings in small letters"),
];

/// Most paths of a call, and most values at one, that an expression may have to go through: with more it fails, since
/// nobody must be judged by a part of what he says.
const MOST: usize = 64;

/// A checked expression.
#[derive(Clone)]
pub(super) struct CallExpression {
    text: Box<str>,
    program: Arc<Program>,
}

impl CallExpression {
    /// Reads an expression. The error says what is wrong, in words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let expression = Self { text: text.into(), program: Arc::new(compile(text, FACTS)?) };
        let some = [("x".to_owned(), vec!["1".to_owned()])].into();
        for arguments in [HashMap::new(), some] {
            super::expression::accept(expression.evaluate("x", &arguments))?;
        }
        Ok(expression)
    }

    /// Whether it holds for a call of one of these tools: for any, or of an exemption for all. What is only offered, or
    /// called with nothing, says nothing that could be asked about.
    pub(super) fn holds(&self, names: &[String], given: &Given, quantifier: Quantifier) -> Holds {
        if given.is_empty() || (quantifier == Quantifier::All && !given.whole()) {
            return Holds::No;
        }
        let Some(arguments) = by_path(given) else { return Holds::Failed };
        let unnamed = [String::new()];
        let names = if names.is_empty() { &unnamed[..] } else { names };
        let mut all = names.iter().map(|name| verdict(self.evaluate(&name.to_ascii_lowercase(), &arguments)));
        match quantifier {
            Quantifier::Any => all.fold(Holds::No, |held, one| match (held, one) {
                (Holds::Yes, _) | (_, Holds::Yes) => Holds::Yes,
                (Holds::Failed, _) | (_, Holds::Failed) => Holds::Failed,
                _ => Holds::No,
            }),
            Quantifier::All => all.find(|one| *one != Holds::Yes).unwrap_or(Holds::Yes),
        }
    }

    fn evaluate(&self, tool: &str, arguments: &Arguments) -> Result<Value, ExecutionError> {
        let mut scope = standard();
        scope.add_variable_from_value("tool", text(tool));
        let lists = arguments.iter().map(|(path, values)| {
            (path.clone(), Value::List(Arc::new(values.iter().map(|value| text(value)).collect())))
        });
        scope.add_variable_from_value("arguments", Value::from(lists.collect::<HashMap<_, _>>()));
        self.program.execute(&scope)
    }
}

/// Values by their paths.
type Arguments = HashMap<String, Vec<String>>;

/// `None` if there are more than an expression may go through.
fn by_path(given: &Given) -> Option<Arguments> {
    let mut arguments = Arguments::new();
    for (keys, value) in given.values() {
        let values = arguments.entry(keys.join(".")).or_default();
        values.push(value.to_owned());
        if values.len() > MOST {
            return None;
        }
    }
    (arguments.len() <= MOST).then_some(arguments)
}

impl PartialEq for CallExpression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for CallExpression {}

impl fmt::Debug for CallExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallExpression({})", self.text)
    }
}
