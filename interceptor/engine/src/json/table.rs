//! Places compiled into a deterministic automaton: one step per level of a document.
//! Knows what a value at a place is. Does not read JSON.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::place::{Place, Step};

/// What a string is, judged by where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Class {
    /// Named nowhere: scanned as text and counted as unknown.
    #[default]
    Unknown,
    /// Prose.
    Text,
    /// A string that holds JSON of its own.
    JsonString,
    /// Part of an arbitrary JSON tree.
    JsonValue,
    /// Part of what describes tools.
    Schema,
    /// Base64 or a link.
    Binary,
    /// Signed or encrypted by the provider: never rewritten.
    Sealed,
    /// Names, roles and switches.
    Plain,
}

/// A fact that is picked up in passing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capture {
    /// The model's name.
    Model,
    /// The name of a tool that is offered or called.
    Tool,
    /// What a tool is called with.
    Arguments,
    /// A method of the Model Context Protocol.
    Method,
    /// The switch that asks for a streamed answer.
    Stream,
    /// The `type` of a value that a filter asks about, or of a stream's event.
    Type,
    /// A token count.
    Usage(Usage),
}

/// Which token count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Tokens of the request.
    Input,
    /// Tokens of the answer.
    Output,
    /// Tokens of the request that came from the provider's cache.
    CacheRead,
    /// Tokens of the request that were put into the provider's cache.
    CacheWrite,
    /// Tokens of the answer that were spent on reasoning.
    Reasoning,
}

/// What is done at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Class(Class),
    Capture(Capture),
    /// Numbers here are a tokeniser's: what they say nobody sees.
    Tokens,
    /// The fragment of the stream rule with this number.
    Delta(u16),
    /// One of the numbers that tell parallel texts apart.
    Key(u8),
    /// The value that closes what the closing rule with this number names, unless it is null.
    Close(u16),
}

/// The number of the next table.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A state of the automaton. `DEAD` is where all unknown places are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StateId(u16);

impl StateId {
    pub(crate) const DEAD: StateId = StateId(0);

    /// Its place in the table.
    pub(crate) fn number(self) -> u64 {
        u64::from(self.0)
    }
}

/// Says of every value in a document what it is. Immutable, shared.
#[derive(Debug)]
pub struct Table {
    states: Vec<State>,
    root: StateId,
    places: Box<[(Place, Class)]>,
    /// No other table of this process has it.
    number: u64,
}

/// What is known of one place, or of all places that are alike.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) class: Class,
    pub(crate) capture: Option<Capture>,
    /// Numbers here are a tokeniser's.
    pub(crate) tokens: bool,
    /// Stream roles; empty nearly everywhere.
    pub(crate) stream: Box<[Role]>,
    /// Types which seal the object that stands here.
    pub(crate) seals: Box<[Box<str>]>,
    keys: Box<[(Box<str>, StateId)]>,
    any_key: Option<StateId>,
    element: Option<StateId>,
}

/// Which edge led to a value. Renders as a name only if the catalogue wrote that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge(u16);

impl Edge {
    pub(crate) const UNNAMED: Edge = Edge(u16::MAX);
}

impl Table {
    /// A table that knows no place at all.
    pub fn unknown() -> Self {
        Compiler::default().finish()
    }

    /// Compiles rules. Later rules win over earlier ones that are equally exact.
    pub(crate) fn compile(rules: Vec<(Place, Role)>) -> Self {
        let mut compiler = Compiler::default();
        for (place, role) in rules {
            compiler.add(place, role);
        }
        compiler.finish()
    }

    /// Every place that the catalogue names in this body, and what stands there.
    pub fn places(&self) -> impl Iterator<Item = (&Place, Class)> {
        self.places.iter().map(|(place, class)| (place, *class))
    }

    pub(crate) fn root(&self) -> StateId {
        self.root
    }

    /// Tells this table from every other that was ever made.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn state(&self, id: StateId) -> &State {
        &self.states[usize::from(id.0)]
    }

    /// True if the body has a place for a model's name.
    pub(crate) fn names_model(&self) -> bool {
        self.states.iter().any(|state| state.capture == Some(Capture::Model))
    }

    /// What stands at a place that is written out.
    pub(crate) fn class_at(&self, place: &Place) -> Class {
        let step = |state, step: &Step| match step {
            // Two spellings of one key lead to the same place.
            Step::Key(key) | Step::Either(key, _) => self.member(state, key.as_bytes()).0,
            Step::AnyKey | Step::Rest => self.state(state).any_key.unwrap_or(StateId::DEAD),
            Step::Element => self.element(state),
        };
        self.state(place.steps.iter().fold(self.root(), step)).class
    }

    /// The state of a member, and the edge to render it by. Escaped keys are looked up in decoded form.
    pub(crate) fn member(&self, from: StateId, key: &[u8]) -> (StateId, Edge) {
        let state = self.state(from);
        // Few keys are as long as this one and begin like it, so that one is compared and not many.
        let like = |name: &str| name.len() == key.len() && name.as_bytes().first() == key.first();
        let named = state.keys.iter().position(|(name, _)| like(name) && name.as_bytes() == key);
        match named {
            // A catalogue file is far shorter than 65,535 keys in one object; `finish` asserts it.
            #[expect(clippy::cast_possible_truncation, reason = "asserted when the table is compiled")]
            Some(at) => (state.keys[at].1, Edge(at as u16)),
            None => (state.any_key.unwrap_or(StateId::DEAD), Edge::UNNAMED),
        }
    }

    /// The state of an array's elements.
    pub(crate) fn element(&self, from: StateId) -> StateId {
        self.state(from).element.unwrap_or(StateId::DEAD)
    }

    /// The name of an edge, if the catalogue knows it: a name that only the peer knows may be a secret.
    pub(crate) fn name(&self, from: StateId, edge: Edge) -> Option<&str> {
        self.state(from).keys.get(usize::from(edge.0)).map(|(name, _)| &**name)
    }
}

/// A rule and how many of its steps have been taken.
type Position = (usize, usize);

#[derive(Default)]
struct Compiler {
    rules: Vec<(Place, Role)>,
}

impl Compiler {
    fn add(&mut self, place: Place, role: Role) {
        if let Some((depth, _)) = &place.only {
            // The `type` of the filtered value has to be noticed, whatever else is known of it.
            let steps = place.steps[..*depth].iter().cloned().chain([Step::Key("type".into())]).collect();
            self.rules.push((Place { steps, only: None }, Role::Capture(Capture::Type)));
        }
        self.rules.push((place, role));
    }

    /// Subset construction over all rules at once.
    fn finish(self) -> Table {
        let mut numbers: HashMap<Vec<Position>, StateId> = HashMap::new();
        let mut states = vec![State::default()];
        numbers.insert(Vec::new(), StateId::DEAD);
        let start: Vec<Position> = (0..self.rules.len()).map(|rule| (rule, 0)).collect();
        let mut open = vec![];
        let root = number(start, &mut numbers, &mut states, &mut open);
        while let Some((id, positions)) = open.pop() {
            let mut state = self.describe(&positions);
            let mut to = |set| number(set, &mut numbers, &mut states, &mut open);
            let any_key = to(self.advance(&positions, |step| *step == Step::AnyKey));
            let element = to(self.advance(&positions, |step| *step == Step::Element));
            state.any_key = (any_key != StateId::DEAD).then_some(any_key);
            state.element = (element != StateId::DEAD).then_some(element);
            state.keys = self
                .names(&positions)
                .into_iter()
                .map(|name| {
                    let fits = |step: &Step| match step {
                        Step::AnyKey => true,
                        step => step.names().any(|known| known == name),
                    };
                    let target = to(self.advance(&positions, fits));
                    (Box::from(name), target)
                })
                .collect();
            assert!(state.keys.len() < usize::from(u16::MAX), "a catalogue with 65,535 keys in one object");
            states[usize::from(id.0)] = state;
        }
        let class = |(place, role): (Place, Role)| match role {
            Role::Class(class) => Some((place, class)),
            _ => None,
        };
        let places = self.rules.into_iter().filter_map(class).collect();
        Table { states, root, places, number: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    /// All names that are written out as the next step, in the order of the rules.
    fn names(&self, positions: &[Position]) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for (rule, taken) in positions {
            for name in self.rules[*rule].0.steps.get(*taken).into_iter().flat_map(Step::names) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// The positions after one step; `**` stays where it is.
    fn advance(&self, positions: &[Position], fits: impl Fn(&Step) -> bool) -> Vec<Position> {
        let step = |(rule, taken): &Position| match self.rules[*rule].0.steps.get(*taken)? {
            Step::Rest => Some((*rule, *taken)),
            step => fits(step).then_some((*rule, taken + 1)),
        };
        positions.iter().filter_map(step).collect()
    }

    /// What the rules that end here say; the most exact one decides the class.
    fn describe(&self, positions: &[Position]) -> State {
        let mut state = State::default();
        let mut best = None;
        let mut stream = Vec::new();
        for (rule, taken) in positions {
            let (place, role) = &self.rules[*rule];
            if let Some((depth, types)) = &place.only {
                // A filtered rule takes effect when the value closes, at the value itself.
                if depth == taken {
                    state.seals = state.seals.iter().chain(types).cloned().collect();
                }
                continue;
            }
            if !matches!(place.steps.get(*taken), None | Some(Step::Rest)) {
                continue;
            }
            match role {
                Role::Class(class) => {
                    if best.is_none_or(|best| best <= place.exactness()) {
                        best = Some(place.exactness());
                        state.class = *class;
                    }
                }
                Role::Capture(capture) => state.capture = Some(*capture),
                Role::Tokens => state.tokens = true,
                other => stream.push(other.clone()),
            }
        }
        state.stream = stream.into();
        if best.is_none() && (state.capture.is_some() || !state.stream.is_empty()) {
            state.class = Class::Plain;
        }
        state
    }
}

/// The number of a set of positions; new sets are queued.
fn number(
    set: Vec<Position>,
    numbers: &mut HashMap<Vec<Position>, StateId>,
    states: &mut Vec<State>,
    open: &mut Vec<(StateId, Vec<Position>)>,
) -> StateId {
    if let Some(known) = numbers.get(&set) {
        return *known;
    }
    let id = StateId(u16::try_from(states.len()).expect("a catalogue with more than 65,535 distinct places"));
    states.push(State::default());
    numbers.insert(set.clone(), id);
    open.push((id, set));
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rules: &[(&str, Class)]) -> Table {
        Table::compile(
            rules.iter().map(|(text, class)| (Place::parse(text).unwrap(), Role::Class(*class))).collect(),
        )
    }

    /// Follows `/`-separated keys; `#` is an array element.
    fn class(table: &Table, path: &str) -> Class {
        let end = path.split('/').fold(table.root(), |state, part| match part {
            "#" => table.element(state),
            key => table.member(state, key.as_bytes()).0,
        });
        table.state(end).class
    }

    #[test]
    fn the_most_exact_place_decides() {
        let table = table(&[
            ("tools.**", Class::Schema),
            ("tools[].name", Class::Plain),
            ("m[].c", Class::Text),
            ("m[].c[].text", Class::Text),
            ("m[].*", Class::JsonValue),
        ]);
        assert_eq!(class(&table, "tools/#/x/y/#"), Class::Schema);
        assert_eq!(class(&table, "tools"), Class::Schema);
        assert_eq!(class(&table, "tools/#/name"), Class::Plain);
        assert_eq!(class(&table, "m/#/c"), Class::Text);
        assert_eq!(class(&table, "m/#/c/#/text"), Class::Text);
        assert_eq!(class(&table, "m/#/c/#/other"), Class::Unknown);
        assert_eq!(class(&table, "m/#/d"), Class::JsonValue);
        assert_eq!(class(&table, "m/#/d/e"), Class::Unknown);
        assert_eq!(class(&table, "x"), Class::Unknown);
    }

    #[test]
    fn a_filter_seals_and_notices_the_type() {
        let place = Place::parse("c[type=thinking].**").unwrap();
        let table = Table::compile(vec![(place, Role::Class(Class::Sealed))]);
        let element = table.element(table.member(table.root(), b"c").0);
        assert_eq!(*table.state(element).seals, ["thinking".into()]);
        let kind = table.member(element, b"type").0;
        assert_eq!(table.state(kind).capture, Some(Capture::Type));
        assert_eq!(table.state(table.member(element, b"signature").0).class, Class::Unknown);
    }
}
