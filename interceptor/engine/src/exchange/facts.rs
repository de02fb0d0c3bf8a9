//! What rules were told of a request's body, for whoever explains a decision afterwards.

use super::Exchange;

/// Names and the size, as conditions saw them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestFacts {
    /// Every model that the body or the path names.
    pub models: Vec<String>,
    /// Tools that the request offers.
    pub tools: Vec<String>,
    /// Methods of the Model Context Protocol that it calls.
    pub methods: Vec<String>,
    /// Bytes of the body, decoded.
    pub size: u64,
}

impl Exchange {
    /// What rules were told of the request's body; complete once the request is.
    pub fn request_facts(&self) -> RequestFacts {
        let facts = &self.request.inspector.facts;
        let mut models = facts.models.clone();
        models.extend(self.asked.model.clone().filter(|model| !facts.models.contains(model)));
        RequestFacts {
            models,
            tools: facts.tools.clone(),
            methods: facts.methods.clone(),
            size: self.request.inspector.ledger.seen,
        }
    }
}
