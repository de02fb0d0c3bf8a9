//! What was noted in passing: names of models, tools and methods, and counts of tokens. Knows what a name may look
//! like. Does not know where it stood.

use crate::json::Usage;
use crate::record::Tokens;

/// Longest name of a model or tool that is believed.
const LONGEST_NAME: usize = 128;

/// Most different models, tools or methods that one body may name.
const MOST_NAMES: usize = 512;

/// What was noted in passing.
#[derive(Clone, Debug, Default)]
pub(in crate::exchange) struct Facts {
    pub(in crate::exchange) model: Option<String>,
    /// All different models that are named.
    pub(in crate::exchange) models: Vec<String>,
    /// All different tools that are offered or called.
    pub(in crate::exchange) tools: Vec<String>,
    /// All different methods of the Model Context Protocol that are called.
    pub(in crate::exchange) methods: Vec<String>,
    /// Something was named that could not be noted.
    pub(in crate::exchange) left_out: bool,
    pub(in crate::exchange) stream: bool,
    pub(in crate::exchange) tokens: Tokens,
}

impl Facts {
    /// Notes a name among others of its kind, once. What is no name, or one too many, is noted as left out.
    pub(super) fn name<'v>(
        &mut self,
        value: &'v [u8],
        kind: impl Fn(&mut Self) -> &mut Vec<String>,
    ) -> Option<&'v str> {
        let name = std::str::from_utf8(value).ok().filter(|name| !name.is_empty());
        let plain = |name: &&str| name.len() <= LONGEST_NAME && !name.chars().any(char::is_control);
        let Some(name) = name.filter(plain) else {
            self.left_out |= !value.is_empty();
            return None;
        };
        let known = kind(self);
        if !known.iter().any(|known| known == name) {
            if known.len() == MOST_NAMES {
                self.left_out = true;
                return None;
            }
            known.push(name.to_owned());
        }
        Some(name)
    }
}

impl Tokens {
    pub(super) fn set(&mut self, usage: Usage, count: Option<u64>) {
        let place = match usage {
            Usage::Input => &mut self.input,
            Usage::Output => &mut self.output,
            Usage::CacheRead => &mut self.cache_read,
            Usage::CacheWrite => &mut self.cache_write,
            Usage::Reasoning => &mut self.reasoning,
        };
        // The last count is the whole: providers repeat and correct them.
        *place = count.or(*place);
    }
}
