//! What it costs that policy may forbid something as such: connections that are redirected while verdicts are looked for,
//! connections that are refused by one, and answers about other names, whose addresses are noted.

use anyhow::Result;
use interceptor_common::{CallerKey, Class, Endpoint, Forbidden, ForbiddenKey};
use serde::Serialize;

use crate::bed::{Bed, ENDPOINT};
use crate::cost::Cost;
use crate::{connect, dns};

/// What the programs cost for each connection, and for each answer.
#[derive(Debug, Serialize)]
pub(crate) struct Verdicts {
    redirected: Vec<Cost>,
    refused: Vec<Cost>,
    answers: Vec<dns::Received>,
}

/// Leaves the programs as it found them.
pub(crate) fn measure(bed: &Bed, count: usize, answers: usize) -> Result<Verdicts> {
    let verdicts = bed.capture.verdicts();
    let entry = Forbidden { generation: 1, rule: 1, flags: 0, pad: 0 };
    // As many callers as a busy node has, and none of them this one: control groups are numbered from 1.
    let class = Class { number: 1, generation: 1 };
    verdicts.enter(&ForbiddenKey { class: class.number, provider: 1 }, &entry)?;
    for number in 0..1000 {
        verdicts.classify(&CallerKey::group(u64::MAX - number), &class)?;
    }
    bed.capture.add_address(ENDPOINT.into(), Endpoint { provider: 1 })?;
    bed.capture.set_policy(1, true)?;
    let redirected = connect::redirected(bed, count)?;
    let answers = dns::measure(bed, answers)?;
    verdicts.enter(&ForbiddenKey::everyone(1), &entry)?;
    let refused = connect::refused(bed, count)?;
    bed.capture.set_policy(2, false)?;
    verdicts.keep(2)?;
    Ok(Verdicts { redirected, refused, answers })
}
