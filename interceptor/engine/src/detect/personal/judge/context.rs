//! The words before a number, and which kinds they announce. Looked up once for a run of groups, when somebody asks.

use std::sync::LazyLock;

use super::super::super::Work;
use super::super::super::text::Text;
use super::super::kind::Topic;
use super::super::table::KINDS;
use super::super::topics::COUNTRIES;
use super::super::words::{Heard, Meaning, Near};

/// A bit for each kind.
type Kinds = [u64; KINDS.len().div_ceil(64)];

fn has(kinds: &Kinds, kind: usize) -> bool {
    kinds[kind / 64] >> (kind % 64) & 1 == 1
}

/// The kinds of each topic and of each country.
struct Groups {
    topics: [Kinds; Topic::COUNT],
    countries: Vec<([u8; 2], Kinds)>,
}

static GROUPS: LazyLock<Groups> = LazyLock::new(|| {
    let those = |wanted: &dyn Fn(usize) -> bool| {
        let mut kinds = Kinds::default();
        (0..KINDS.len()).filter(|kind| wanted(*kind)).for_each(|kind| kinds[kind / 64] |= 1 << (kind % 64));
        kinds
    };
    let of_country = |code: [u8; 2]| (code, those(&|kind| KINDS[kind].country() == Some(code)));
    Groups {
        topics: std::array::from_fn(|topic| those(&|kind| KINDS[kind].topic as usize == topic)),
        countries: COUNTRIES.iter().map(|(code, _)| of_country(**code)).collect(),
    }
});

/// The words before a run, looked up when somebody asks.
pub(super) struct Context<'n> {
    near: &'n mut Near,
    at: usize,
    heard: Heard,
    state: State,
    /// Those that a word of their own announces, or one of their country.
    announced: Kinds,
    /// Those, and all of a topic that is spoken of: for others no word says anything.
    touched: Kinds,
    announces: bool,
}

/// What is known of the words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody has asked.
    Unasked,
    /// There is not so much as a letter.
    Quiet,
    Heard,
}

impl<'n> Context<'n> {
    pub(super) fn before(at: usize, near: &'n mut Near) -> Self {
        Self {
            near,
            at,
            heard: Heard::new(),
            state: State::Unasked,
            announced: Kinds::default(),
            touched: Kinds::default(),
            announces: false,
        }
    }

    /// The words, if somebody has asked for them.
    pub(super) fn known(&self) -> Option<&Heard> {
        (self.state != State::Unasked).then_some(&self.heard)
    }

    #[inline]
    pub(super) fn heard(&mut self, text: Text<'_>, work: &mut Work) -> &Heard {
        if self.state == State::Unasked {
            self.listen(text, work);
        }
        &self.heard
    }

    fn listen(&mut self, text: Text<'_>, work: &mut Work) {
        let letters = self.near.before(text, self.at, &mut self.heard, &mut work.examined);
        self.state = if letters { State::Heard } else { State::Quiet };
        if self.heard.is_empty() {
            return;
        }
        let add = |to: &mut Kinds, kinds: &Kinds| to.iter_mut().zip(kinds).for_each(|(to, more)| *to |= more);
        for (_, meaning) in &self.heard {
            match meaning {
                Meaning::Kind(kind) => {
                    self.announced[usize::from(*kind) / 64] |= 1 << (kind % 64);
                    self.announces = true;
                }
                Meaning::Country(country) => {
                    let kinds = GROUPS.countries.iter().find(|(code, _)| code == country);
                    kinds.iter().for_each(|(_, kinds)| add(&mut self.announced, kinds));
                    self.announces = true;
                }
                Meaning::Topic(topic) => add(&mut self.touched, &GROUPS.topics[*topic as usize]),
                Meaning::Number => {}
            }
        }
        let announced = self.announced;
        add(&mut self.touched, &announced);
    }

    /// No letter stands before.
    pub(super) fn is_quiet(&mut self, text: Text<'_>, work: &mut Work) -> bool {
        self.heard(text, work);
        self.state == State::Quiet
    }

    /// A word for telephones stands before.
    pub(super) fn hears_of_phones(&mut self, text: Text<'_>, work: &mut Work) -> bool {
        self.heard(text, work).iter().any(|(_, meaning)| *meaning == Meaning::Topic(Topic::Phone))
    }

    /// Some kind's own word or a country stands before.
    pub(super) fn announces(&mut self, text: Text<'_>, work: &mut Work) -> bool {
        self.heard(text, work);
        self.announces
    }

    /// A word of the kind's own stands before, or one of its country. The words are known.
    pub(super) fn may_announce(&self, kind: usize) -> bool {
        has(&self.announced, kind)
    }

    /// Some word before may say something about some kind. The words are known.
    pub(super) fn touches_any(&self) -> bool {
        self.touched != Kinds::default()
    }

    /// Some word before may say something about the kind. The words are known.
    pub(super) fn touches(&self, kind: usize) -> bool {
        has(&self.touched, kind)
    }
}
