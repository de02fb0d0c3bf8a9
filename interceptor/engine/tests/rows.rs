//! What rows of text cost that were made to cost much. Counted in bytes that detectors examine and in places at which
//! they look closer, neither of which a machine's load can change; `benches/rows.rs` measures the time, and looks for
//! other rows.

use interceptor_engine::detect::Detectors;

const SIZE: usize = 1 << 15;

/// Fails if detectors examine the row more often than this, or look closer more often than once in so many bytes.
#[track_caller]
fn costs(row: &str, examined: u64, apart: u64) {
    let text: Vec<u8> = row.bytes().cycle().take(SIZE).collect();
    let work = Detectors::builtin().scan_measured(&text, &mut Vec::new());
    let size = SIZE as u64;
    assert!(
        work.examined <= examined * size,
        "{row:?} is examined {} times, and not {examined}",
        work.examined as f64 / size as f64
    );
    assert!(
        work.anchors * apart <= size,
        "{row:?} has an anchor every {} bytes, and not every {apart}",
        size as f64 / work.anchors as f64
    );
}

/// Nothing in them is worth a closer look but the first of it.
#[test]
fn short_words_between_marks_cost_nothing() {
    for row in ["|1", ":1", "0x:", "a:1", "02:1b:2a:3f:", "ab:12:cd:", "0x ", "1a/"] {
        costs(row, 1, 100);
    }
}

/// Each group is read once, and whoever reads several reads them again from each.
#[test]
fn rows_of_digits_are_read_a_few_times() {
    for row in ["4111 ", "1 ", "12 ", "123 ", "1(", "(1) ", "12-34-", "12.34.", "1-2-3 ", "+1 ", "00 ", "0 "]
    {
        costs(row, 4, 2);
    }
    for row in ["123456789 ", "1234567890 ", "12345678901 ", "1234567890123 ", "4111111111111112 "] {
        costs(row, 5, 9);
    }
    // A word behind digits is a telephone's, or nobody asks what they are together.
    for row in ["12345678 abc ", "1 2 3 4 5 6 abc ", "123 456 7890x1 abc "] {
        costs(row, 6, 4);
    }
}

/// Bars and brackets are no letters: nobody listens for a word where they stand before.
#[test]
fn marks_are_no_words() {
    for row in ["12345|", "123456789]|[", "1234567~", "12345{"] {
        costs(row, 3, 5);
    }
}

/// The words before a number are those before the next.
#[test]
fn words_before_numbers_are_read_once() {
    for row in ["x 12345 ", "nhs 564 607 000 ", "tax number 1234567890, ", "phone 1 2 3 4 5 6 7 8 "] {
        costs(row, 10, 2);
    }
}

/// A number that is found is looked at once more, with what says that it is only shown.
#[test]
fn findings_are_weighed_once() {
    for row in ["nif 31668011 ", "a@b.co ", "jane@example.com, "] {
        costs(row, 30, 6);
    }
}

/// A token is asked about at its first digit; what may announce it stands in a few bytes before.
#[test]
fn tokens_are_read_a_few_times() {
    for row in [
        "1234567|Ab1x5678",
        "storyblok key vVmctQ2gUZyElocrarCKE5tt",
        "vVmctQ2gUZyElocrarCKE5tt ",
        "12345secret:",
        "token=",
        "1secret:",
    ] {
        costs(row, 16, 2);
    }
}

/// A value that many names stand in is not read again for each of them: where it ends and what it holds is the same.
#[test]
fn values_are_read_once_for_all_names_in_them() {
    let named = "fA7xsecret:Qk0vR2wZ".repeat(24) + "(Jq8wZr2m ";
    let worst = "aff7xsecret:key-0_726c8f4ad3passw1dbe(5646:my_token = \"ai9key-46893c8f1ad25dbe(2459aff9xsecret:\
        Ovym8k5MUcx3secret:x6se";
    for row in [&named, worst, "my_token = \"ai5Iwf31Cqe08Ovym1k1MUOF5sj2 "] {
        costs(row, 16, 8);
    }
}

/// Keys that begin inside one another end together, and how far they go is read once.
#[test]
fn keys_inside_one_another_are_read_a_few_times() {
    for row in ["ops_eyJ+", "+ops_eyJ+ops_eyJe", "ops_eyJ_ghp_glpat-xoxb-1"] {
        costs(row, 12, 2);
    }
}

#[test]
fn addresses_are_read_a_few_times() {
    // A letter beyond ASCII is no sign of rights, although it shares a byte with it.
    costs("o\u{e9}a@A.ca@Aa@A.c", 8, 2);
    for row in ["a@", "a.b@c.", "1|2:", "://a:b@", "10.20.30.40 ", "2a02:2a3f:82d2:c2af:467e:2949:4c8f:5ad4 "]
    {
        costs(row, 8, 2);
    }
}
