//! Decides about numbers: goes over the groups of a run, asks for each which forms begin there, weighs the checks
//! against the words before, and keeps the likeliest. Every group is read once, however many kinds there are.

mod context;
mod weigh;

use super::super::number::{
    Group, MOST_CHARS, Mark, Next, Run, end_is_open, may_begin, may_end, worth_holding,
};
use super::super::text::{Peek, Text, Verdict};
use super::super::{Confidence, DetectorId, Finding, Work, card, encoded, phone, ssn};
use super::form::{INDEX, Shape, Use};
use super::kind::Topic;
use super::table::KINDS;
use super::words::{Heard, Meaning, Near};
use super::{id_of, network};
use context::Context;
use weigh::{Best, Case, Reason, weigh};

/// What a place of the run is.
enum Judged {
    Found(Finding),
    /// More text decides; what is there begins at this byte.
    Open(usize),
    No,
}

/// Looks at the run whose first group begins at `start`.
pub(super) fn run(text: Text<'_>, start: usize, near: &mut Near, work: &mut Work) -> Verdict {
    let mut run = Run::new(text, start);
    let mut context = Context::before(start, near);
    let mut resume = start + 1;
    for index in 0.. {
        let group = match run.group(index) {
            Next::Is(group) => group,
            Next::Open(Some(group)) => {
                // The first one is undecided; a later one is asked about when it is first.
                if index > 0 {
                    resume = group.start;
                    break;
                }
                group
            }
            Next::Open(None) | Next::Over => break,
        };
        // Words may hold literals that are somebody's anchor: only digits are passed over.
        if index > 0 && (!group.is_number() || run.crowded(index)) {
            resume = group.start;
            break;
        }
        if group.is_number() {
            resume = group.end();
        }
        if index > 0 && (inside_a_row(&mut run, index) || leads_nowhere(&mut run, index, &mut context, work))
        {
            continue;
        }
        // Behind any other mark nothing is inside encoded data.
        let inside = || group.mark == Mark::Slash && encoded::inside(text.bytes, group.start);
        if index > 0 && (!super::may_begin(text.bytes, group.start) || inside()) {
            continue;
        }
        let verdict = match judge(&mut run, index, &mut context, work) {
            Judged::Found(finding) => better_inside(&mut run, index, finding, &mut context, work),
            other => other,
        };
        match verdict {
            Judged::Found(finding) => {
                work.examined += run.read as u64;
                return Verdict::Match(finding);
            }
            Judged::Open(_) if index > 0 => {
                resume = group.start;
                break;
            }
            Judged::Open(from) => {
                work.examined += run.read as u64;
                let hold = if worth_holding(text, from) { from } else { usize::MAX };
                return Verdict::Undecided { hold };
            }
            Judged::No => {}
        }
    }
    work.examined += run.read as u64;
    Verdict::No { resume }
}

/// Every kind of number that the whole text may be, by its form and its check, whatever speaks for or against it.
pub(super) fn readings(text: Text<'_>) -> Vec<DetectorId> {
    let (mut found, mut room) = (Vec::new(), [0; MOST_CHARS]);
    let mut run = Run::new(text, 0);
    let Next::Is(first) = run.group(0) else { return found };
    let Some(mut node) = INDEX.beginning(&first) else { return found };
    for last in 0.. {
        let group = run.groups(last, last)[0];
        for shape in &node.shapes {
            let end = group.end() + usize::from(shape.closed);
            if end != text.bytes.len() || !shape.admits(run.groups(0, last)) {
                continue;
            }
            let chars = run.chars(0, last, &mut room);
            let fits = |used: &&Use| KINDS[used.kind].tells() && KINDS[used.kind].reads(chars);
            found.extend(shape.kinds.iter().filter(fits).map(|used| id_of(used.kind)));
        }
        let Next::Is(group) = run.group(last + 1) else { break };
        let Some(next) = INDEX.next(node, &group) else { break };
        node = next;
    }
    found
}

/// A few digits in the middle of a row with spaces, as tables of numbers have them: nothing in groups begins there (see
/// [`in_a_row`]), and alone they are too few. Four digits may begin a card behind anything but four digits.
fn inside_a_row(run: &mut Run<'_>, index: usize) -> bool {
    let (Next::Is(before), Next::Is(here), Next::Is(next)) =
        (run.group(index - 1), run.group(index), run.group(index + 1))
    else {
        return false;
    };
    // Spaces of one byte: only these are looked for where a number is asked about from its own first digit.
    let space = |at: usize| run.text.bytes.get(at) == Some(&b' ');
    let spaced = here.mark == Mark::Space && space(here.end()) && before.is_number() && next.is_number();
    let spaced = spaced && next.mark == Mark::Space && space(here.start - 1);
    let card = here.len == 4 && before.len != 4 && matches!(next.len, 4..=6);
    spaced && here.len < 5 && !card
}

/// Few digits between others, of which no form begins, no address, and no number that is told without a word: each group
/// of a row is asked so, before anybody reads it.
fn leads_nowhere(run: &mut Run<'_>, index: usize, context: &mut Context<'_>, work: &mut Work) -> bool {
    let (Next::Is(before), Next::Is(here), Next::Is(next)) =
        (run.group(index - 1), run.group(index), run.group(index + 1))
    else {
        return false;
    };
    // Marks that join addresses of networks.
    let text = run.text;
    let address = text.before(here.start, 1) == Some(b':')
        || matches!(text.bytes.get(here.end()), Some(b':' | b'.' | b'-'));
    if !before.is_number() || !next.is_number() || address || leads(text, &here) {
        return false;
    }
    here.len < 5 && !run.tells(index) && !context.hears_of_phones(text, work)
}

/// A weak finding must not hide a strong one that begins inside it.
fn better_inside(
    run: &mut Run<'_>,
    index: usize,
    found: Finding,
    context: &mut Context<'_>,
    work: &mut Work,
) -> Judged {
    if found.confidence > Confidence::Low {
        return Judged::Found(found);
    }
    for later in index + 1.. {
        let group = match run.group(later) {
            Next::Is(group) if group.start < found.end => group,
            _ => break,
        };
        if !group.is_number() {
            continue;
        }
        match judge(run, later, context, work) {
            Judged::Found(other) if other.confidence > found.confidence => return Judged::Found(other),
            Judged::Open(_) => return Judged::Open(found.start),
            _ => {}
        }
    }
    Judged::Found(found)
}

/// What begins with the group at `index`.
fn judge(run: &mut Run<'_>, index: usize, context: &mut Context<'_>, work: &mut Work) -> Judged {
    let text = run.text;
    let (group, partial) = match run.group(index) {
        Next::Is(group) => (group, false),
        Next::Open(Some(group)) => (group, true),
        _ => return Judged::No,
    };
    let mut best = Best { finding: None, reason: Reason::default(), open: None };
    match network::confirm(text, &group, context.known()) {
        network::Answer::Found(finding) => return Judged::Found(finding),
        network::Answer::NeedsWords => {
            let heard = context.heard(text, work).clone();
            if let network::Answer::Found(finding) = network::confirm(text, &group, Some(&heard)) {
                return Judged::Found(finding);
            }
        }
        network::Answer::Open(start) => best.leave_open(start),
        network::Answer::No => {}
    }
    if partial && (group.is_number() || INDEX.may_grow(&group)) && may_begin(text, group.start) {
        best.leave_open(if group.is_number() { phone::start(text, &group) } else { group.start });
    }
    if !partial && may_begin(text, group.start) && group.start >= text.floor {
        if group.is_number() {
            numbers(run, index, context, &mut best, work);
        }
        if leads(text, &group) {
            forms(run, index, &group, context, &mut best, work);
        }
    }
    behind_letters(text, &group, context, &mut best, work);
    match (best.open, best.finding) {
        (Some(start), _) => Judged::Open(start),
        (None, Some(finding)) => Judged::Found(finding),
        (None, None) => Judged::No,
    }
}

/// False if no form begins with a group and goes on behind the mark that follows it: told without a look at the tree.
fn leads(text: Text<'_>, group: &Group) -> bool {
    let (mark, then) = (text.bytes.get(group.end()), text.bytes.get(group.end() + 1));
    let marks = mark.map_or(u16::MAX, |mark| Mark::bits(*mark, then.copied()));
    INDEX.leads(group.len.into(), group.letters as usize, marks)
}

/// Cards, social security numbers and telephone numbers: rules of their own over groups of digits.
fn numbers(run: &mut Run<'_>, index: usize, context: &mut Context<'_>, best: &mut Best, work: &mut Work) {
    let text = run.text;
    let told = run.tells(index) || context.hears_of_phones(text, work);
    // Only the first group of a run may have letters.
    let quiet = context.is_quiet(text, work) && run.groups(0, 0)[0].is_number();
    // Nine digits are a social security number where a word says so.
    if !told && (quiet || run.groups(index, index)[0].len != 9) {
        return;
    }
    let digits = run.digits(index);
    let Some((head, last)) = digits.groups.first().zip(digits.groups.last()) else { return };
    let start = phone::start(text, head);
    if digits.open || end_is_open(text, last.end()) || phone::needs_more(text, last.end()) {
        best.leave_open(start);
        return;
    }
    let found = card::confirm(text, &digits, quiet, work)
        .or_else(|| ssn::confirm(text, &digits, quiet, work))
        .or_else(|| {
            let mut hear = |reach: usize| {
                let from = start.saturating_sub(reach);
                let phone = Meaning::Topic(Topic::Phone);
                let said = |(at, meaning): &(usize, Meaning)| *meaning == phone && *at >= from;
                context.heard(text, work).iter().any(|word| said(word) && !phone::is_row(text, word.0, start))
            };
            phone::confirm(text, &digits, start, &mut hear)
        });
    if let Some(finding) = found {
        // A telephone number says less than a check digit; the others have no rival.
        let telling = finding.detector != super::PHONE;
        best.offer(finding, Reason { heard: 3 * u8::from(telling), ..Reason::default() });
    }
}

/// Forms whose first group is letters alone: `AB 12 34 56 C`. The anchor is the first digit, so that they are looked
/// for backward, one or two groups.
fn behind_letters(
    text: Text<'_>,
    group: &Group,
    context: &mut Context<'_>,
    best: &mut Best,
    work: &mut Work,
) {
    let Some(one) = letters_before(text, group.start) else { return };
    let two = letters_before(text, one);
    for start in [Some(one), two].into_iter().flatten() {
        if !may_begin(text, start) || start < text.floor {
            continue;
        }
        let mut run = Run::new(text, start);
        let Next::Is(first) = run.group(0) else { continue };
        forms(&mut run, 0, &first, context, best, work);
        work.examined += run.read as u64;
    }
}

/// Most letters before the digits of a number that stand apart from them.
const LETTERS: usize = 4;

/// The beginning of a group of a few letters that one mark parts from `start`.
fn letters_before(text: Text<'_>, start: usize) -> Option<usize> {
    let mark = start.checked_sub(1)?;
    if !matches!(text.bytes[mark], b' ' | b'-') || mark <= text.floor {
        return None;
    }
    let mut at = mark;
    while at > text.floor && text.left(at).is_some_and(|b| b.is_ascii_alphabetic()) {
        at -= 1;
        if mark - at > LETTERS {
            return None;
        }
    }
    (at < mark).then_some(at)
}

/// Walks the tree of forms from the group at `index` on, as far as the text goes along.
fn forms(
    run: &mut Run<'_>,
    index: usize,
    first: &Group,
    context: &mut Context<'_>,
    best: &mut Best,
    work: &mut Work,
) {
    let Some(mut node) = INDEX.beginning(first) else { return };
    let (mut last, mut digits) = (index, true);
    loop {
        // Behind here everything wants a word of its own.
        if !node.bare && !context.announces(run.text, work) {
            return;
        }
        digits &= run.groups(last, last)[0].is_number();
        for shape in node.shapes(digits) {
            if digits || shape.admits(run.groups(index, last)) {
                shaped(run, index, last, shape, context, best, work);
            }
        }
        if node.is_leaf() {
            return;
        }
        let next = match run.group(last + 1) {
            Next::Is(group) => INDEX.next(node, &group),
            Next::Open(group) => {
                let mut ways = INDEX.open(node, group.as_ref()).peekable();
                // What needs a word to be reported needs no waiting without one.
                if ways.peek().is_some() && (ways.any(|next| next.bare) || context.announces(run.text, work))
                {
                    best.leave_open(first.start);
                }
                return;
            }
            Next::Over => return,
        };
        let Some(next) = next else { return };
        (node, last) = (next, last + 1);
    }
}

/// Weighs each kind that is written as the groups from `index` to `last` are.
fn shaped(
    run: &mut Run<'_>,
    index: usize,
    last: usize,
    shape: &'static Shape,
    context: &mut Context<'_>,
    best: &mut Best,
    work: &mut Work,
) {
    let text = run.text;
    let announced = context.announces(text, work);
    let kinds = if announced { &shape.kinds } else { &shape.bare };
    if kinds.is_empty() {
        return;
    }
    let groups = run.groups(index, last);
    let (start, mut end) = (groups[0].start, groups[last - index].end());
    let rare = groups.len() > 1 || groups[0].letters != 0;
    if shape.closed {
        match text.peek(end) {
            Peek::Byte(b')' | b']') => end += 1,
            Peek::Unknown => return best.leave_open(start),
            _ => return,
        }
    }
    if end_is_open(text, end) {
        return best.leave_open(start);
    }
    if !may_end(text, end) || in_a_row(run, index, last) {
        return;
    }
    work.examined += (end - start) as u64;
    let case = if rare { Case::of(&text.bytes[start..end]) } else { Case::Upper };
    let mut room = [0; MOST_CHARS];
    let chars = run.chars(index, last, &mut room);
    if !context.touches_any() {
        return untouched(kinds, chars, (start, end, rare), case, best);
    }
    let (nothing, mut plain) = (Heard::new(), false);
    for used in kinds {
        let touched = context.touches(used.kind);
        // The kinds are in order of their odds: of those that no word speaks of the first that fits is the likeliest.
        if (!touched && (plain || used.only_announced))
            || (used.only_announced && !context.may_announce(used.kind))
        {
            continue;
        }
        let checked = (used.check)(chars);
        if checked || used.loose.is_some_and(|loose| loose(chars)) {
            let heard = if touched { context.heard(text, work) } else { &nothing };
            if let Some((confidence, reason)) =
                weigh(*used, (checked, rare), case, heard, (start, end - start))
            {
                best.offer(Finding { detector: id_of(used.kind), start, end, confidence }, reason);
            }
            plain |= checked && !touched;
            if plain && context.heard(text, work).is_empty() {
                return;
            }
        }
    }
}

/// Weighs kinds of which no word says anything: of those that fit the first is the likeliest.
fn untouched(
    kinds: &[Use],
    chars: &[u8],
    (start, end, rare): (usize, usize, bool),
    case: Case,
    best: &mut Best,
) {
    for used in kinds.iter().filter(|used| !used.only_announced) {
        let checked = (used.check)(chars);
        if (checked || used.loose.is_some_and(|loose| loose(chars)))
            && let Some((confidence, reason)) =
                weigh(*used, (checked, rare), case, &Heard::new(), (start, end - start))
        {
            best.offer(Finding { detector: id_of(used.kind), start, end, confidence }, reason);
        }
        if checked {
            return;
        }
    }
}

/// Groups of a longer row of numbers have a neighbour with the same mark.
fn in_a_row(run: &mut Run<'_>, index: usize, last: usize) -> bool {
    if last == index {
        return false;
    }
    let groups = run.groups(index, last);
    let (first, end) = (groups[0], groups[last - index]);
    if !first.is_number() || !end.is_number() {
        return false;
    }
    let text = run.text;
    let before = text.bytes.get(first.end()) == Some(&b' ')
        && text.before(first.start, 1) == Some(b' ')
        && text.before(first.start, 2).is_some_and(|b| b.is_ascii_digit());
    let behind = matches!(run.group(last + 1), Next::Is(next) if next.mark == end.mark && next.is_number());
    before || behind
}
