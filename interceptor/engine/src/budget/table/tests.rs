//! Counts of one node, by the clock that the tests set.

use super::*;
use crate::budget::{Asking, Caller, Each, End, Measure, Per, Usage, draws};
use crate::policy::Pattern;
use crate::price::Prices;
use crate::record::Ledger;

/// 2026-11-23T11:30:15Z.
const NOW: u64 = 1_795_433_415;
/// The next full minute.
const NEXT: u64 = 1_795_433_460;

fn limit(name: &str, measure: Measure) -> Limit {
    let any = || Box::from([Pattern::any()]);
    Limit {
        name: name.into(),
        providers: any(),
        models: any(),
        operations: any(),
        per: Box::from([Per::Subject]),
        measure,
        mode: Mode::Enforce,
        when_unavailable: WhenUnavailable::Share,
        allow_unknown_price: false,
    }
}

fn requests(most: u64) -> Limit {
    limit("requests", Measure::Requests { most, each: Each::Minute })
}

fn drawn(limits: &[Limit], uid: u32, bytes: u64) -> Vec<Draw> {
    let limits: Vec<_> = limits.iter().cloned().map(Arc::new).collect();
    let request = Ledger { seen: bytes, scanned: bytes, ..Ledger::default() };
    let models = ["gpt-4.1".to_owned()];
    let asking = Asking {
        caller: Caller { uid: Some(uid), ..Caller::default() },
        provider: "openai",
        operation: "openai.chat_completions",
        models: &models,
        request: &request,
    };
    draws(&limits, &asking, Prices::builtin()).draws
}

fn used(table: &Table, name: &str, now: u64) -> u64 {
    table.gauges(now).get(name).map_or(0, |gauge| gauge.used)
}

#[test]
fn there_is_as_much_as_the_limit_says_and_then_again() {
    let mut table = Table::new(8, false);
    let draws = drawn(&[requests(2)], 1, 0);
    assert!(table.take(&draws, NOW).is_ok());
    assert!(table.take(&draws, NOW).is_ok());
    let short = table.take(&draws, NOW).unwrap_err();
    assert_eq!((&*short.limit.name, short.why, short.retry_after), ("requests", Why::Over, 45));
    assert!(table.take(&draws, NEXT - 1).is_err());
    // A clock that goes back gives nothing back, and one that goes on does.
    assert!(table.take(&draws, NOW - 3_600).is_err());
    assert!(table.take(&draws, NEXT).is_ok());
    assert_eq!(used(&table, "requests", NEXT), 1);
    // Somebody else has a count of his own.
    let other = drawn(&[requests(2)], 2, 0);
    assert!(table.take(&other, NEXT).is_ok());
}

#[test]
fn all_parts_are_taken_or_none() {
    let mut table = Table::new(8, false);
    let tokens = limit("tokens", Measure::Tokens { most: 10, each: Each::Hour, reserve: 0 });
    let draws = drawn(&[requests(9), tokens], 1, 24);
    assert!(table.take(&draws, NOW).is_ok());
    assert_eq!(&*table.take(&draws, NOW).unwrap_err().limit.name, "tokens");
    assert_eq!((used(&table, "requests", NOW), used(&table, "tokens", NOW)), (1, 6));
}

#[test]
fn what_was_used_takes_the_place_of_what_was_expected() {
    let mut table = Table::new(8, false);
    let tokens = limit("tokens", Measure::Tokens { most: 100, each: Each::Minute, reserve: 50 });
    let draws = drawn(&[tokens], 1, 40);
    let first = table.take(&draws, NOW).unwrap();
    assert_eq!(used(&table, "tokens", NOW), 60);
    assert!(table.take(&draws, NOW).is_err());
    let usage = Usage { input: 12, output: 8, ..Usage::default() };
    table.settle(&first.taken[0], first.taken[0].draw().settled(End::Used(usage)));
    assert_eq!(used(&table, "tokens", NOW), 20);
    // What began in one window and ends in the next counts in the first.
    let second = table.take(&draws, NOW).unwrap();
    assert!(table.take(&draws, NEXT).is_ok());
    table.settle(&second.taken[0], 1_000);
    assert_eq!(used(&table, "tokens", NEXT), 60);
}

#[test]
fn places_are_given_back() {
    let mut table = Table::new(8, false);
    let draws = drawn(&[limit("places", Measure::Concurrency { most: 1 })], 1, 0);
    let first = table.take(&draws, NOW).unwrap();
    let short = table.take(&draws, NOW).unwrap_err();
    assert_eq!((short.why, short.retry_after), (Why::Over, 1));
    // No hour of the day gives a place back.
    assert!(table.take(&draws, NOW + 86_400).is_err());
    table.settle(&first.taken[0], first.taken[0].draw().settled(End::Refused));
    assert!(table.take(&draws, NOW).is_ok());
}

#[test]
fn a_limit_in_shadow_counts_on_and_says_so() {
    let mut table = Table::new(8, false);
    let shadow = Limit { mode: Mode::Shadow, ..requests(1) };
    let draws = drawn(&[shadow], 1, 0);
    assert!(table.take(&draws, NOW).unwrap().notes.is_empty());
    let admission = table.take(&draws, NOW).unwrap();
    assert_eq!(admission.notes[0].why, Why::Over);
    assert_eq!(used(&table, "requests", NOW), 2);
}

#[test]
fn counts_have_a_bound_and_make_room_when_they_are_over() {
    let mut table = Table::new(2, false);
    for uid in [1, 2] {
        assert!(table.take(&drawn(&[requests(9)], uid, 0), NOW).is_ok());
    }
    assert_eq!(table.take(&drawn(&[requests(9)], 3, 0), NOW).unwrap_err().why, Why::Full);
    let open = Limit { when_unavailable: WhenUnavailable::Allow, ..requests(9) };
    let admission = table.take(&drawn(&[open], 3, 0), NOW).unwrap();
    assert_eq!((admission.taken.len(), admission.notes[0].why), (0, Why::Full));
    assert!(table.take(&drawn(&[requests(9)], 3, 0), NEXT).is_ok());
}

#[test]
fn a_reload_changes_the_amount_and_keeps_the_count() {
    let mut table = Table::new(8, false);
    assert!(table.take(&drawn(&[requests(1)], 1, 0), NOW).is_ok());
    assert!(table.take(&drawn(&[requests(1)], 1, 0), NOW).is_err());
    assert!(table.take(&drawn(&[requests(3)], 1, 0), NOW).is_ok());
    assert_eq!(used(&table, "requests", NOW), 2);
}

#[test]
fn alone_a_node_has_its_share_and_no_more_than_is_left() {
    let mut table = Table::new(8, true);
    let draws = drawn(&[requests(9)], 1, 0);
    for _ in 0..3 {
        let admission = table.take(&draws, NOW).unwrap();
        assert_eq!(table.alone(&admission.taken, 3, NOW).unwrap()[0].why, Why::Away);
    }
    let fourth = table.take(&draws, NOW).unwrap();
    assert_eq!(table.alone(&fourth.taken, 3, NOW).unwrap_err().why, Why::Away);
    table.settle(&fourth.taken[0], 0);
    // The others had used seven when they were last heard of: two are left, and not three.
    let mut table = Table::new(8, true);
    let first = table.take(&draws, NOW).unwrap();
    let (_, count) = table.counts(&first.taken).remove(0);
    table.learn(&count.key, count.window.number, 7);
    assert!(table.alone(&first.taken, 3, NOW).is_ok());
    let second = table.take(&draws, NOW).unwrap();
    assert!(table.alone(&second.taken, 3, NOW).is_ok());
    let third = table.take(&draws, NOW).unwrap();
    assert!(table.alone(&third.taken, 3, NOW).is_err());
}

#[test]
fn other_nodes_are_told_once_of_what_changed() {
    let mut table = Table::new(8, true);
    let places = limit("places", Measure::Concurrency { most: 1 });
    let admission = table.take(&drawn(&[requests(9), places], 1, 0), NOW).unwrap();
    let told = table.untold(10);
    assert_eq!(table.counts(&admission.taken), [(0, told[0].clone())]);
    assert_eq!((told.len(), told[0].own, told[0].most, told[0].window.end), (1, 1, 9, NEXT));
    assert!(table.untold(10).is_empty());
    table.tell_again(told.clone());
    table.told(&told[0]);
    assert!(table.untold(10).is_empty());
    table.settle(&admission.taken[0], 0);
    // It has changed since others were told.
    table.told(&told[0]);
    let again = table.untold(10);
    assert_eq!((again.len(), again[0].own, again[0].change), (1, 0, 2));
    assert!(table.untold(10).is_empty());
    table.tell_all();
    assert_eq!(table.untold(10), again);
}

#[test]
fn no_amount_is_too_large() {
    let mut table = Table::new(8, true);
    let tokens = limit("tokens", Measure::Tokens { most: 100, each: Each::Minute, reserve: 0 });
    let draws = drawn(&[tokens], 1, 0);
    let taken = table.take(&draws, NOW).unwrap().taken;
    table.settle(&taken[0], u64::MAX);
    assert_eq!(used(&table, "tokens", NOW), MOST);
    assert!(table.take(&drawn(&[requests(1)], 1, 0), u64::MAX).is_ok());
}
