//! The answer to a request for which a limit has not enough left, in the provider's own shape: the exception that its
//! client libraries have for used-up quotas, and no other attempt.

use bytes::Bytes;
use serde_json::json;

use super::{Reason, Refusal, request_id_header};
use crate::budget::{Short, Why};
use crate::catalogue::RefusalShape;

/// What the answer is made of.
#[derive(Clone, Copy, Debug)]
pub struct OverLimit<'a> {
    /// The shape the client understands.
    pub shape: RefusalShape,
    /// What is short.
    pub short: &'a Short,
    /// Names the exchange in the audit trail.
    pub request_id: &'a str,
}

impl Refusal {
    /// Puts the answer together.
    pub fn over_limit(over: &OverLimit<'_>) -> Refusal {
        let OverLimit { shape, short, request_id } = *over;
        // Amazon's own answer to used-up quotas: its libraries try again after every 429, and have no header that stops
        // them.
        let status = if shape == RefusalShape::Aws { 400 } else { 429 };
        let message = message(short, request_id);
        let code = match short.why {
            Why::Over => "egress_limit_exceeded",
            Why::Full | Why::Away => "egress_limit_unavailable",
            Why::UnknownPrice => "egress_price_unknown",
        };
        let body = match shape {
            RefusalShape::OpenAi => json!({
                "error": { "message": message, "type": "insufficient_quota", "param": null, "code": code }
            }),
            RefusalShape::Anthropic => json!({
                "type": "error",
                "error": { "type": "rate_limit_error", "message": message },
                "request_id": request_id,
            }),
            RefusalShape::Google => json!({
                "error": { "code": status, "message": message, "status": "RESOURCE_EXHAUSTED" }
            }),
            RefusalShape::Aws | RefusalShape::Cohere => json!({ "message": message }),
            RefusalShape::Generic => json!({ "error": code, "message": message }),
        };
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("retry-after", short.retry_after.to_string()),
            ("x-should-retry", "false".to_owned()),
            (request_id_header(shape), request_id.to_owned()),
        ];
        if shape == RefusalShape::Aws {
            headers.push(("x-amzn-errortype", "ServiceQuotaExceededException".to_owned()));
        }
        Refusal {
            status,
            headers,
            body: Bytes::from(body.to_string()),
            stream_frame: None,
            rule: short.limit.name.clone(),
            reason: Reason::Limit,
        }
    }
}

fn message(short: &Short, request_id: &str) -> String {
    let name = &short.limit.name;
    let why = match short.why {
        Why::Over => {
            let (measure, after) = (short.limit.measure, short.retry_after);
            format!("there are {measure}, and not enough of it is left; more in {after} s")
        }
        Why::Full => "there is no room to count another caller".to_owned(),
        Why::Away => "what other nodes have used cannot be found out".to_owned(),
        Why::UnknownPrice => "the price of the model is not known".to_owned(),
    };
    format!("Blocked by egress limit \"{name}\": {why}. Request id {request_id}.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use expect_test::expect;

    fn short(why: Why) -> Short {
        let text = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: a}\nspec:\n  limits:\n    \
                    - {name: daily, cost: 5.00 USD, each: day}\n";
        let policy = Policy::load(&[("a.yaml", text)]).unwrap();
        let limit = policy.limits().next().unwrap().clone();
        Short { limit, why, retry_after: 45 }
    }

    #[test]
    fn each_shape_has_its_answer() {
        let shown = |shape| {
            let short = short(Why::Over);
            let refusal = Refusal::over_limit(&OverLimit { shape, short: &short, request_id: "req" });
            let body = std::str::from_utf8(&refusal.body).unwrap().to_owned();
            format!("{} {:?} {body}", refusal.status, &refusal.headers[1..])
        };
        expect![[r#"429 [("retry-after", "45"), ("x-should-retry", "false"), ("x-request-id", "req")] {"error":{"message":"Blocked by egress limit \"daily\": there are 5.00 USD each day, and not enough of it is left; more in 45 s. Request id req.","type":"insufficient_quota","param":null,"code":"egress_limit_exceeded"}}"#]].assert_eq(&shown(RefusalShape::OpenAi));
        expect![[r#"429 [("retry-after", "45"), ("x-should-retry", "false"), ("request-id", "req")] {"type":"error","error":{"type":"rate_limit_error","message":"Blocked by egress limit \"daily\": there are 5.00 USD each day, and not enough of it is left; more in 45 s. Request id req."},"request_id":"req"}"#]].assert_eq(&shown(RefusalShape::Anthropic));
        expect![[r#"429 [("retry-after", "45"), ("x-should-retry", "false"), ("x-request-id", "req")] {"error":{"code":429,"message":"Blocked by egress limit \"daily\": there are 5.00 USD each day, and not enough of it is left; more in 45 s. Request id req.","status":"RESOURCE_EXHAUSTED"}}"#]].assert_eq(&shown(RefusalShape::Google));
        expect![[r#"400 [("retry-after", "45"), ("x-should-retry", "false"), ("x-amzn-requestid", "req"), ("x-amzn-errortype", "ServiceQuotaExceededException")] {"message":"Blocked by egress limit \"daily\": there are 5.00 USD each day, and not enough of it is left; more in 45 s. Request id req."}"#]].assert_eq(&shown(RefusalShape::Aws));
    }

    #[test]
    fn what_is_not_used_up_says_so() {
        let text = |why| message(&short(why), "req");
        expect![[r#"Blocked by egress limit "daily": what other nodes have used cannot be found out. Request id req."#]].assert_eq(&text(Why::Away));
        expect![[r#"Blocked by egress limit "daily": the price of the model is not known. Request id req."#]]
            .assert_eq(&text(Why::UnknownPrice));
    }
}
