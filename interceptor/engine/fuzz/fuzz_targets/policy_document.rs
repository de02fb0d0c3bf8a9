//! Any text as a policy: it is refused with mistakes that can be printed, or it decides.
#![no_main]

use interceptor_engine::detect::{Confidence, DetectorId};
use interceptor_engine::policy::{Context, Direction, Policy, Subject, Uncertainty};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| match Policy::load(&[("fuzz.yaml", text)]) {
    Err(mistakes) => assert!(!mistakes.to_string().is_empty()),
    Ok(policy) => {
        let subject = Subject::default();
        let scope = policy.scope(&Context {
            provider: "openai",
            operation: "unknown",
            host: "api.example",
            method: "POST",
            path: "/v1/x",
            at: 0,
            subject: &subject,
        });
        for direction in Direction::ALL {
            for detector in DetectorId::all() {
                let _ = scope.decide(direction, detector, Confidence::High);
            }
            for uncertainty in Uncertainty::ALL {
                let _ = scope.when(uncertainty, direction);
            }
        }
    }
});
