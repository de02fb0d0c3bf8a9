//! Medians, and how sure one may be of them. Knows numbers only.

use serde::Serialize;

/// Resamples for an interval: enough that its ends move by less than they are worth printing.
const RESAMPLES: usize = 4000;

/// A median and its 95 % bootstrap interval.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Estimate {
    /// The median.
    pub(super) median: f64,
    /// Lower end of the interval.
    pub(super) low: f64,
    /// Upper end of the interval.
    pub(super) high: f64,
    /// How many rounds it rests on.
    pub(super) rounds: usize,
}

impl Estimate {
    /// None without a value.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let median_of_all = median(values)?;
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut medians: Vec<f64> = Vec::with_capacity(RESAMPLES);
        for _ in 0..RESAMPLES {
            let resample: Vec<f64> = values.iter().map(|_| values[pick(&mut state, values.len())]).collect();
            medians.extend(median(&resample));
        }
        medians.sort_by(f64::total_cmp);
        let at = |per_mille: usize| medians[(medians.len() - 1) * per_mille / 1000];
        Some(Self { median: median_of_all, low: at(25), high: at(975), rounds: values.len() })
    }
}

/// A fixed xorshift: the same samples always give the same interval.
fn pick(state: &mut u64, below: usize) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 33).unwrap_or(0) % below
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 { upper } else { f64::midpoint(sorted[middle - 1], upper) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_median_and_shrinks_with_agreement() {
        assert!(Estimate::of(&[]).is_none());
        let one = Estimate::of(&[3.0]).unwrap();
        assert_eq!((one.low, one.median, one.high), (3.0, 3.0, 3.0));
        let wide = Estimate::of(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]).unwrap();
        assert_eq!(wide.median, 4.0);
        assert!(wide.low < 4.0 && wide.high > 4.0 && wide.low >= 1.0 && wide.high <= 7.0);
        let outlier = Estimate::of(&[4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 99.0]).unwrap();
        assert_eq!((outlier.median, outlier.low), (4.0, 4.0));
    }

    #[test]
    fn an_even_count_takes_the_middle_of_two() {
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
