//! Turns rules into tables: for every set of rules that can apply together there is one table with a
//! decision per direction, confidence and detector, so that a finding costs one look-up.

use std::sync::Arc;

use super::rule::{Mode, Rule, Selector};
use super::uncertain::Answers;
use super::{Action, Answer, Cell, Context, Direction, Reach, Redaction, Uncertainty};
use crate::detect::{Confidence, DetectorId};

/// Tables are made in advance for policies with at most this many different selectors (2⁶ tables of a few
/// hundred bytes); past it a scope makes its own.
const ADVANCE: usize = 6;

/// What happens to a finding, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What is done.
    pub action: Action,
    /// The rule that says so; `None` if no rule matched, which allows.
    pub rule: Option<Arc<str>>,
    /// What would be done if the rules in shadow acted, if that is something else.
    pub shadow: Option<Shadow>,
}

/// What a rule in shadow would have done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// What it would have done.
    pub action: Action,
    /// Its name.
    pub rule: Arc<str>,
}

/// A policy, ready to decide.
pub(super) struct Compiled {
    pub(super) rules: Vec<Rule>,
    pub(super) version: Arc<str>,
    answers: Answers,
    /// The different selectors that do not select everything.
    selectors: Vec<Selector>,
    /// By set of selectors that apply (bit `i` is `selectors[i]`); empty if there are too many.
    tables: Vec<Arc<Table>>,
}

impl Compiled {
    pub(super) fn new(rules: Vec<Rule>, answers: Answers, version: Arc<str>) -> Self {
        let mut selectors: Vec<Selector> = Vec::new();
        for rule in &rules {
            if !rule.selector.selects_everything() && !selectors.contains(&rule.selector) {
                selectors.push(rule.selector.clone());
            }
        }
        let mut compiled = Self { rules, version, answers, selectors, tables: Vec::new() };
        if compiled.selectors.len() <= ADVANCE {
            let sets = 0..1usize << compiled.selectors.len();
            compiled.tables = sets.map(|set| Arc::new(compiled.table(|i| set & (1 << i) != 0))).collect();
        }
        compiled
    }

    /// The table of the rules whose selectors apply.
    fn table(&self, applies: impl Fn(usize) -> bool) -> Table {
        let applying: Vec<&Rule> = self
            .rules
            .iter()
            .filter(|rule| match self.selectors.iter().position(|s| *s == rule.selector) {
                Some(i) => applies(i),
                None => true,
            })
            .collect();
        Table::new(&applying)
    }

    fn table_for(&self, context: &Context<'_>) -> Arc<Table> {
        if self.tables.is_empty() {
            return Arc::new(self.table(|i| self.selectors[i].selects(context)));
        }
        let set = (0..self.selectors.len())
            .filter(|i| self.selectors[*i].selects(context))
            .fold(0, |set, i| set | 1usize << i);
        self.tables[set].clone()
    }
}

/// The rules that can apply to one exchange.
#[derive(Clone)]
pub struct Scope {
    policy: Arc<Compiled>,
    table: Arc<Table>,
}

impl Scope {
    pub(super) fn new(policy: &Arc<Compiled>, context: &Context<'_>) -> Self {
        Self { policy: policy.clone(), table: policy.table_for(context) }
    }

    /// The strongest thing that any rule of this direction may do about a finding. Says nothing about
    /// uncertainties: for those ask [`Scope::when`].
    pub fn strongest(&self, direction: Direction) -> Reach {
        self.table.reach[direction.index()]
    }

    /// What happens to a finding.
    pub fn decide(&self, direction: Direction, detector: DetectorId, confidence: Confidence) -> &Decision {
        let cell = Table::place(Cell { direction, detector, confidence });
        &self.table.decisions[usize::from(self.table.cells[cell])]
    }

    /// True if a rule of this direction may put a token in the place of a finding.
    pub fn makes_tokens(&self, direction: Direction) -> bool {
        self.table.makes_tokens[direction.index()]
    }

    /// True if a rule may ask for texts to be put back in the answer.
    pub fn restores(&self) -> bool {
        self.table.restores
    }

    /// The answer to an uncertainty, and what an event names as the rule.
    pub fn when(&self, uncertainty: Uncertainty, direction: Direction) -> (Answer, &'static str) {
        (self.policy.answers.answer(uncertainty, direction), uncertainty.path())
    }

    /// The version of the policy that decides.
    pub fn version(&self) -> &Arc<str> {
        &self.policy.version
    }
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scope({}, {:?})", self.policy.version, self.table.reach)
    }
}

struct Table {
    /// Index into `decisions` by [`Table::place`].
    cells: Box<[u16]>,
    /// The different decisions of this table.
    decisions: Vec<Decision>,
    reach: [Reach; 2],
    makes_tokens: [bool; 2],
    restores: bool,
}

impl Table {
    fn place(cell: Cell) -> usize {
        let row = cell.direction.index() * Confidence::ALL.len() + cell.confidence as usize;
        row * DetectorId::all().len() + cell.detector.index()
    }

    fn new(rules: &[&Rule]) -> Self {
        let mut table = Self {
            cells: Box::default(),
            decisions: Vec::new(),
            reach: [Reach::None; 2],
            makes_tokens: [false; 2],
            restores: false,
        };
        let mut cells = Vec::with_capacity(2 * Confidence::ALL.len() * DetectorId::all().len());
        for direction in Direction::ALL {
            for confidence in Confidence::ALL {
                for detector in DetectorId::all() {
                    let cell = Cell { direction, detector, confidence };
                    debug_assert_eq!(cells.len(), Self::place(cell));
                    let decision = decision(rules, cell);
                    let reach = &mut table.reach[direction.index()];
                    *reach = (*reach).max(reach_of(&decision));
                    if let Action::Redact(how @ (Redaction::Token | Redaction::Reversible { .. })) =
                        decision.action
                    {
                        table.makes_tokens[direction.index()] = true;
                        table.restores |= direction == Direction::Request && how != Redaction::Token;
                    }
                    cells.push(table.number(decision));
                }
            }
        }
        table.cells = cells.into();
        table
    }

    /// Few decisions differ: each is kept once.
    fn number(&mut self, decision: Decision) -> u16 {
        let at = self.decisions.iter().position(|d| *d == decision).unwrap_or_else(|| {
            self.decisions.push(decision);
            self.decisions.len() - 1
        });
        u16::try_from(at).expect("there are fewer cells than a u16 counts")
    }
}

fn reach_of(decision: &Decision) -> Reach {
    match decision.action {
        Action::Block => Reach::Block,
        Action::Redact(_) => Reach::Rewrite,
        Action::Audit => Reach::Audit,
        Action::Allow if decision.rule.is_some() || decision.shadow.is_some() => Reach::Audit,
        Action::Allow => Reach::None,
    }
}

fn decision(rules: &[&Rule], cell: Cell) -> Decision {
    let acting = outcome(rules.iter().copied().filter(|rule| rule.mode == Mode::Enforce), cell);
    let all = outcome(rules.iter().copied(), cell);
    let shadow = all
        .filter(|rule| rule.mode == Mode::Shadow)
        .map(|rule| Shadow { action: rule.action, rule: rule.name.clone() });
    Decision {
        action: acting.map_or(Action::Allow, |rule| rule.action),
        rule: acting.map(|rule| rule.name.clone()),
        shadow,
    }
}

/// The rule that wins. Rules are read in order; the strongest action wins, the first among equals. An
/// `allow` ends the reading: it is an exemption from the rules behind it, not from those before it.
fn outcome<'r>(rules: impl Iterator<Item = &'r Rule>, cell: Cell) -> Option<&'r Rule> {
    let mut best: Option<&Rule> = None;
    for rule in rules.filter(|rule| rule.matches(cell)) {
        if rule.action == Action::Allow {
            return best.or(Some(rule));
        }
        if best.is_none_or(|best| rule.action > best.action) {
            best = Some(rule);
        }
    }
    best
}
