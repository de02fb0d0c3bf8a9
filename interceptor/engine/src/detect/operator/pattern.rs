//! Reads one pattern: a regular expression whose matches are bounded and that can be matched in one pass. Says what
//! is wrong with one that cannot. Knows syntax, no texts.

use regex_syntax::ast::{self, Ast, RepetitionKind, RepetitionRange, Span, Visitor};
use regex_syntax::hir::Hir;
use regex_syntax::hir::translate::TranslatorBuilder;

use super::{LONGEST, SHORTEST};

/// A checked pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    pub(super) hir: Hir,
    /// Bytes of its longest match.
    pub(super) longest: usize,
}

/// What is wrong with a pattern, and what would have been right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) what: String,
    pub(crate) expected: String,
}

/// An automaton for one pattern may take this much: one that needs more is made to be slow.
const LARGEST: usize = 1 << 20;

impl Pattern {
    pub(crate) fn parse(text: &str, ignore_case: bool) -> Result<Self, Refused> {
        let ast = ast::parse::ParserBuilder::new()
            .nest_limit(32)
            .build()
            .parse(text)
            .map_err(|error| syntax(&error.kind().to_string(), error.span()))?;
        ast::visit(&ast, Unbounded)?;
        let hir = TranslatorBuilder::new()
            .unicode(false)
            .utf8(false)
            .case_insensitive(ignore_case)
            .build()
            .translate(text, &ast)
            .map_err(|error| syntax(&error.kind().to_string(), error.span()))?;
        let (shortest, longest) = (hir.properties().minimum_len(), hir.properties().maximum_len());
        let Some(longest) = longest.filter(|longest| *longest <= LONGEST) else {
            return Err(Refused {
                what: format!("matches more than {LONGEST} bytes"),
                expected: format!("at most {LONGEST}, since a stream is held back for as long"),
            });
        };
        if shortest.is_none_or(|shortest| shortest < SHORTEST) {
            return Err(Refused {
                what: format!("matches fewer than {SHORTEST} bytes"),
                expected: format!("at least {SHORTEST}: anything shorter is everywhere"),
            });
        }
        let pattern = Self { hir, longest };
        super::patterns::size(&pattern, LARGEST).map_err(|_| Refused {
            what: format!("could be slow: matching it in one pass takes more than {} KiB", LARGEST >> 10),
            expected: "shorter repetitions, or fewer that can match the same text in several ways".into(),
        })?;
        Ok(pattern)
    }
}

fn syntax(what: &str, at: &Span) -> Refused {
    Refused {
        what: format!("at character {}: {what}", at.start.offset_chars()),
        expected: "a regular expression of single bytes (classes are ASCII), without look-around".into(),
    }
}

trait Chars {
    fn offset_chars(&self) -> usize;
}

impl Chars for ast::Position {
    /// Patterns have one line: the column counts characters, from 1.
    fn offset_chars(&self) -> usize {
        self.column
    }
}

/// Refuses what has no end and what looks around.
struct Unbounded;

impl Visitor for Unbounded {
    type Output = ();
    type Err = Refused;

    fn finish(self) -> Result<(), Refused> {
        Ok(())
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Refused> {
        match ast {
            Ast::Repetition(repetition) => {
                let endless = matches!(
                    repetition.op.kind,
                    RepetitionKind::ZeroOrMore
                        | RepetitionKind::OneOrMore
                        | RepetitionKind::Range(RepetitionRange::AtLeast(_))
                );
                if !endless {
                    return Ok(());
                }
                Err(Refused {
                    what: format!(
                        "at character {}: the repetition has no end",
                        repetition.op.span.start.offset_chars()
                    ),
                    expected: "a bound, such as `{1,32}`".into(),
                })
            }
            Ast::Assertion(assertion) => Err(Refused {
                what: format!(
                    "at character {}: it looks at what stands around the match",
                    assertion.span.start.offset_chars()
                ),
                expected: "`wholeWord: true` for ends of words, `context` for what stands before".into(),
            }),
            _ => Ok(()),
        }
    }
}
