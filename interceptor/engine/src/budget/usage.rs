//! How many tokens an exchange took: what the provider told, and an estimate where it told nothing.
//! Knows how providers count. Does not know prices.

use crate::record::{Ledger, Tokens};

/// Tokens of one exchange by what they cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the request that had to be read.
    pub input: u64,
    /// Tokens of the request that the provider had in its cache.
    pub cache_read: u64,
    /// Tokens of the request that it put there.
    pub cache_write: u64,
    /// Tokens of the answer, those of reasoning included.
    pub output: u64,
}

/// Tokens of so many bytes of text, rounded up: four bytes are one token.
pub fn estimate(bytes: u64) -> u64 {
    bytes.div_ceil(4)
}

/// Whether the tokens that were in the cache are not among those of the request. Anthropic counts them beside, and so
/// does Bedrock, which speaks of the same models.
fn cache_is_beside(operation: &str) -> bool {
    operation.starts_with("anthropic.") || operation.starts_with("bedrock.")
}

/// Whether tokens of reasoning are not among those of the answer.
fn reasoning_is_beside(operation: &str) -> bool {
    operation.starts_with("google.")
}

impl Usage {
    /// What is known before the answer: the request, estimated, and what is set aside for the answer.
    pub fn expected(request: &Ledger, reserve: u64) -> Self {
        Self { input: estimate(text(request)), output: reserve, ..Self::default() }
    }

    /// What was used in the end. What the provider did not tell is estimated, each side for itself.
    pub fn of(operation: &str, told: &Tokens, request: &Ledger, answer: &Ledger) -> Self {
        let (read, write) = (told.cache_read.unwrap_or(0), told.cache_write.unwrap_or(0));
        let input = match told.input {
            None => estimate(text(request)).saturating_sub(read),
            Some(input) if cache_is_beside(operation) => input,
            Some(input) => input.saturating_sub(read),
        };
        let reasoning = told.reasoning.filter(|_| reasoning_is_beside(operation)).unwrap_or(0);
        let output = told.output.unwrap_or_else(|| estimate(text(answer))).saturating_add(reasoning);
        Self { input, cache_read: read, cache_write: write, output }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        let read = self.cache_read.saturating_add(self.cache_write);
        self.input.saturating_add(read).saturating_add(self.output)
    }
}

/// What tokens are made of. Pictures and sound are counted by nobody before the provider tells.
fn text(ledger: &Ledger) -> u64 {
    ledger.scanned.saturating_add(ledger.sealed).saturating_add(ledger.unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(bytes: u64) -> Ledger {
        Ledger { seen: bytes, scanned: bytes, ..Ledger::default() }
    }

    fn told(input: u64, output: u64, cache_read: u64, reasoning: u64) -> Tokens {
        let [input, output, cache_read, reasoning] = [input, output, cache_read, reasoning].map(Some);
        Tokens { input, output, cache_read, cache_write: None, reasoning }
    }

    #[test]
    fn each_provider_counts_in_its_own_way() {
        let usage = |operation, told: Tokens| Usage::of(operation, &told, &ledger(0), &ledger(0));
        // Of 100 tokens, 60 were in the cache; of 50, 20 were thoughts.
        let openai = usage("openai.chat_completions", told(100, 50, 60, 20));
        assert_eq!(openai, Usage { input: 40, cache_read: 60, cache_write: 0, output: 50 });
        let anthropic = usage("anthropic.messages", told(40, 50, 60, 0));
        assert_eq!(anthropic, openai);
        let google = usage("google.generate_content", told(100, 30, 60, 20));
        assert_eq!(google, openai);
        assert_eq!(openai.total(), 150);
    }

    #[test]
    fn what_is_not_told_is_estimated() {
        let usage = Usage::of("openai.responses", &Tokens::default(), &ledger(9), &ledger(4));
        assert_eq!(usage, Usage { input: 3, output: 1, ..Usage::default() });
        let usage = Usage::of("anthropic.messages", &told(7, 0, 0, 0), &ledger(9), &ledger(4));
        assert_eq!(usage.total(), 7);
    }

    #[test]
    fn no_number_is_too_large() {
        let huge = told(u64::MAX, u64::MAX, u64::MAX, u64::MAX);
        assert_eq!(Usage::of("google.live", &huge, &ledger(1), &ledger(1)).total(), u64::MAX);
    }
}
