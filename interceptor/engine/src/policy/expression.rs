//! Conditions in the Common Expression Language, for what the fields of a rule cannot say.
//!
//! Knows the documented facts and nothing else; an expression cannot reach out, loop without end, or be long. What is
//! wrong with one is found when the policy is read: it is tried on facts of both extremes then.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::{Context as Scope, Env, ExecutionError, Program, Value};

use super::conditions::Holds;
use super::context::{BodyFacts, Context};
use super::subject::{Identity, Subject};

/// Longest expression, in bytes: what is longer belongs into rules.
const LONGEST: usize = 2_000;
/// Deepest nesting of brackets; the parser descends once for each.
const DEEPEST: usize = 24;
/// Most names of a list that an expression sees.
const MOST_NAMES: usize = 64;

/// The facts, and what each is. `policies/README.md` lists the same.
pub(super) const FACTS: &[(&str, &str)] = &[
    ("provider", "string: name of the provider"),
    ("host", "string: host that was called"),
    ("method", "string: HTTP method"),
    ("path", "string: path without query"),
    ("operation", "string: name of the format"),
    (
        "subject",
        "map: namespace, pod, serviceAccount, container, image, executable, unit, user, uid, labels, known",
    ),
    ("time", "map: hour, minute, weekday (1 is Monday), unix; UTC"),
    ("models", "list of strings: models that the request names"),
    ("model", "string: the first of them, or empty"),
    ("tools", "list of strings: tools that the request offers"),
    ("mcpMethods", "list of strings: methods of the Model Context Protocol"),
    ("size", "int: bytes of the decoded body"),
];

/// Facts that only the body tells.
const OF_BODY: [&str; 5] = ["models", "model", "tools", "mcpMethods", "size"];

/// A checked expression.
#[derive(Clone)]
pub(super) struct Expression {
    text: Box<str>,
    program: Arc<Program>,
    /// The facts that it asks for, by their places in [`FACTS`].
    asked: [bool; FACTS.len()],
    asks_for_body: bool,
    asks_for_model: bool,
}

impl Expression {
    /// Reads an expression. The error says what is wrong, in words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let program = compile(text, FACTS)?;
        let references = program.references();
        let asks_for_body = OF_BODY.iter().any(|name| references.has_variable(name));
        let asks_for_model = references.has_variable("model") || references.has_variable("models");
        let asked = std::array::from_fn(|at| references.has_variable(FACTS[at].0));
        drop(references);
        let program = Arc::new(program);
        let expression = Self { text: text.into(), program, asked, asks_for_body, asks_for_model };
        expression.try_out()?;
        Ok(expression)
    }

    /// Evaluates it with hardly any facts and with all of them: types that do not fit show in either.
    fn try_out(&self) -> Result<(), String> {
        let nobody = Subject::default();
        let names = ["x".to_owned()];
        let full = BodyFacts { models: &names, tools: &names, methods: &names, size: 1 };
        for body in [BodyFacts::default(), full] {
            let context = Context {
                provider: "x",
                host: "x.example",
                method: "POST",
                path: "/x",
                operation: "x",
                subject: &nobody,
                at: 0,
            };
            accept(self.program.execute(&self.scope(&context, Some(&body))))?;
        }
        Ok(())
    }

    pub(super) fn asks_for_body(&self) -> bool {
        self.asks_for_body
    }

    pub(super) fn asks_for_model(&self) -> bool {
        self.asks_for_model
    }

    pub(super) fn holds(&self, context: &Context<'_>, body: Option<&BodyFacts<'_>>) -> Holds {
        verdict(self.program.execute(&self.scope(context, body)))
    }
}

impl Expression {
    /// The facts that it asks for; making the others would cost more than it does.
    fn scope<'v>(&self, context: &Context<'_>, body: Option<&BodyFacts<'_>>) -> Scope<'static, 'v> {
        let mut scope = standard();
        let body = body.copied().unwrap_or_default();
        for (name, _) in FACTS.iter().zip(self.asked).filter(|(_, asked)| *asked).map(|(fact, _)| fact) {
            scope.add_variable_from_value(*name, fact(name, context, &body));
        }
        scope
    }
}

/// Reads an expression over some facts. The error says what is wrong, in words.
pub(super) fn compile(text: &str, facts: &[(&str, &str)]) -> Result<Program, String> {
    if text.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes"));
    }
    if depth(text) > DEEPEST {
        return Err(format!("nests brackets deeper than {DEEPEST} levels"));
    }
    let program = Program::compile(text).map_err(|errors| {
        let first = errors.errors.first();
        let at = first.map_or((0, 0), |error| error.pos);
        let what = first.map_or_else(String::new, |error| error.msg.clone());
        format!("is no expression: {what} at {}:{} of it", at.0, at.1)
    })?;
    let references = program.references();
    let own = own_names(text);
    let known = |name: &&str| own.contains(name) || facts.iter().any(|fact| fact.0 == *name);
    let unknown = references.variables().into_iter().find(|name| !known(name));
    if let Some(unknown) = unknown {
        let near = crate::document::nearest_word(unknown, facts.iter().map(|fact| fact.0));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(format!("asks for `{unknown}`, which is no fact{near}"));
    }
    drop(references);
    Ok(program)
}

/// Where expressions begin: with what the language has, and no facts.
pub(super) fn standard<'v>() -> Scope<'static, 'v> {
    static STANDARD: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));
    Scope::with_env(STANDARD.clone())
}

/// What became of a trial. The error says what is wrong with the expression.
pub(super) fn accept(result: Result<Value, ExecutionError>) -> Result<(), String> {
    match result {
        // A list may be empty, a label missing and a size nought: that is no mistake of the expression's.
        Ok(Value::Bool(_))
        | Err(
            ExecutionError::NoSuchKey(_)
            | ExecutionError::IndexOutOfBounds(_)
            | ExecutionError::DivisionByZero(_)
            | ExecutionError::RemainderByZero(_)
            | ExecutionError::Overflow(..),
        ) => Ok(()),
        Ok(other) => Err(format!("is {}, not true or false", other.type_of())),
        Err(error) => Err(format!("cannot be evaluated: {error}")),
    }
}

/// What an evaluation says.
pub(super) fn verdict(result: Result<Value, ExecutionError>) -> Holds {
    match result {
        Ok(Value::Bool(true)) => Holds::Yes,
        Ok(Value::Bool(false)) => Holds::No,
        // A label that is not there has no value that anything could be true of.
        Err(ExecutionError::NoSuchKey(_)) => Holds::No,
        Ok(_) | Err(_) => Holds::Failed,
    }
}

/// The value of a fact.
fn fact(name: &str, context: &Context<'_>, body: &BodyFacts<'_>) -> Value {
    match name {
        "provider" => text(context.provider),
        "host" => text(context.host),
        "method" => text(context.method),
        "path" => text(context.bare_path()),
        "operation" => text(context.operation),
        "subject" => subject(context.subject),
        "time" => time(context.at),
        "models" => names(body.models),
        "model" => text(body.models.first().map_or("", |model| model)),
        "tools" => names(body.tools),
        "mcpMethods" => names(body.methods),
        "size" => Value::Int(i64::try_from(body.size).unwrap_or(i64::MAX)),
        // A test asks for each of them.
        _ => Value::Null,
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({})", self.text)
    }
}

/// Names that the expression gives itself: the first argument of `all`, `exists`, `exists_one`, `map` and `filter`.
fn own_names(text: &str) -> Vec<&str> {
    const MACROS: [&str; 5] = [".all(", ".exists(", ".exists_one(", ".map(", ".filter("];
    let behind = |at: usize| {
        let rest = text[at..].trim_start();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        (!name.is_empty() && rest.trim_start().starts_with(',')).then_some(name)
    };
    let calls = MACROS.iter().flat_map(|call| text.match_indices(call).map(|(at, call)| at + call.len()));
    calls.filter_map(behind).collect()
}

/// How deep brackets nest, whatever they are and wherever they stand: more than enough is more than enough.
fn depth(text: &str) -> usize {
    let mut deepest = 0usize;
    let mut depth = 0usize;
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' | b'!' | b'-' | b'?' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

pub(super) fn text(text: &str) -> Value {
    Value::String(Arc::new(text.to_owned()))
}

fn names(names: &[String]) -> Value {
    Value::List(Arc::new(names.iter().take(MOST_NAMES).map(|name| text(name)).collect()))
}

fn map(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    fields.into_iter().collect::<HashMap<_, _>>().into()
}

fn subject(subject: &Subject) -> Value {
    let optional = |fact: Option<&str>| text(fact.unwrap_or_default());
    let pod = subject.pod.as_deref();
    let labels: HashMap<String, Value> = pod
        .into_iter()
        .flat_map(|pod| &pod.labels)
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    map([
        ("namespace", optional(pod.map(|pod| &*pod.namespace))),
        ("pod", optional(pod.map(|pod| &*pod.name))),
        ("serviceAccount", optional(pod.and_then(|pod| pod.service_account.as_deref()))),
        ("container", optional(pod.map(|pod| &*pod.container))),
        ("image", optional(pod.map(|pod| &*pod.image))),
        ("executable", optional(subject.executable.as_deref())),
        ("unit", optional(subject.unit.as_deref())),
        ("user", optional(subject.user.as_deref())),
        ("uid", Value::Int(subject.uid.into())),
        ("labels", labels.into()),
        ("known", Value::Bool(matches!(subject.identity, Identity::Known))),
    ])
}

fn time(at: u64) -> Value {
    let number = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    map([
        ("hour", number(at % 86_400 / 3_600)),
        ("minute", number(at % 3_600 / 60)),
        // 1970 began on a Thursday.
        ("weekday", number((at / 86_400 + 3) % 7 + 1)),
        ("unix", number(at)),
    ])
}
