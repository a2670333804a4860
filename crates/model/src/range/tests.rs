use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn range(format: Format, length: Option<u32>, casing: Casing, first: u128, last: u128) -> Range {
    Range::new(Spelling::new(format, length, casing).unwrap(), first, last).unwrap()
}

#[test]
fn the_ends_are_in_order_and_fit_the_spelling() {
    use Format::*;
    for (format, length, first, last, good) in [
        (Base10, None, 5, 5, true),
        (Base10, None, 5, 4, false),
        (Base10, None, 0, u128::MAX, true),
        (Base10, Some(4), 0, 9_999, true),
        (Base10, Some(4), 0, 10_000, false),
        (Base10, Some(39), 0, u128::MAX, true),
        (Base10, Some(38), 0, 10_u128.pow(38), false),
        (Base16, Some(4), 0, 0xffff, true),
        (Base16, Some(4), 0, 0x1_0000, false),
        (Base16, Some(32), 0, u128::MAX, true),
        (Base16, Some(31), 0, u128::MAX, false),
        (MacColon, None, 0, (1 << 48) - 1, true),
        (MacColon, None, 0, 1 << 48, false),
        (MacDot, Some(2), 0, (1 << 48) - 1, true),
    ] {
        let spelling = Spelling::new(format, length, Casing::Upper).unwrap();
        let made = Range::new(spelling, first, last);
        assert_eq!(made.is_ok(), good, "{format:?} {length:?} {first} {last}");
        if !good {
            assert_eq!(made, Err(Error::Malformed(Field("ranges"))));
        }
    }
}

#[test]
fn both_ends_belong_to_the_range_and_their_neighbours_do_not() {
    let range = range(Format::Base10, Some(4), Casing::Upper, 10, 20);
    for (serial_number, number) in [
        ("0010", Some(10)),
        ("0020", Some(20)),
        ("0009", None),
        ("0021", None),
        ("10", None),
        ("00010", None),
        ("0015 ", None),
    ] {
        assert_eq!(range.contains(serial_number), number, "{serial_number}");
    }
    assert_eq!(range.spell(10).as_deref(), Some("0010"));
    assert_eq!(range.spell(21), None);
}

#[test]
fn ranges_overlap_when_one_exact_text_is_in_both() {
    use Casing::*;
    use Format::*;
    for (a, b, expected) in [
        (range(Base10, None, Upper, 0, 9), range(Base10, None, Lower, 9, 12), true),
        (range(Base10, None, Upper, 0, 9), range(Base10, None, Upper, 10, 12), false),
        // Without a length 999 is "999", with four digits it is "0999".
        (range(Base10, None, Upper, 0, 999), range(Base10, Some(4), Upper, 0, 9_999), false),
        (range(Base10, None, Upper, 0, 1_000), range(Base10, Some(4), Upper, 0, 9_999), true),
        (range(Base10, None, Upper, 10_000, 20_000), range(Base10, Some(4), Upper, 0, 9_999), false),
        (range(Base10, Some(1), Upper, 0, 0), range(Base10, None, Upper, 0, 0), true),
        (range(Base10, Some(4), Upper, 0, 9_999), range(Base10, Some(5), Upper, 0, 9_999), false),
        (range(Base10, Some(40), Upper, 0, u128::MAX), range(Base10, None, Upper, 0, u128::MAX), false),
        (range(Base10, Some(39), Upper, 0, u128::MAX), range(Base10, None, Upper, 0, u128::MAX), true),
        // "A" is not "a", but "10" is "10" in both casings.
        (range(Base16, None, Upper, 0xa, 0xf), range(Base16, None, Lower, 0xa, 0xf), false),
        (range(Base16, None, Upper, 0xa, 0x10), range(Base16, None, Lower, 0xa, 0x10), true),
        (range(Base16, None, Upper, 0xa, 0xf), range(Base16, None, Upper, 0xf, 0xff), true),
        (range(Base16, None, Upper, 0, 0x99), range(Base16, Some(2), Lower, 0xa, 0x10), true),
        (range(Base16, None, Upper, 0, 0x99), range(Base16, Some(3), Lower, 0xa, 0x10), false),
        (range(MacColon, None, Upper, 0, 9), range(MacColon, None, Lower, 9, 20), true),
        (range(MacColon, None, Upper, 10, 15), range(MacColon, None, Lower, 10, 15), false),
        // Another format is another matter, even where the texts are the same.
        (range(MacColon, None, Upper, 0, 9), range(MacDash, None, Upper, 0, 9), false),
        (range(Base10, None, Upper, 0, 9), range(Base16, None, Upper, 0, 9), false),
    ] {
        assert_eq!(a.overlaps(&b), expected, "{a:?} {b:?}");
        assert_eq!(b.overlaps(&a), expected, "{b:?} {a:?}");
    }
}

#[test]
fn a_range_as_wide_as_can_be_is_answered_at_once() {
    let started = std::time::Instant::now();
    let wide = range(Format::Base16, None, Casing::Upper, 0, u128::MAX);
    let letters = 0xaaaa_0000_0000_0000_0000_0000_0000_0000;
    let other = range(Format::Base16, None, Casing::Lower, letters, letters + 10_u128.pow(18));
    for _ in 0..1_000 {
        assert!(!wide.overlaps(&other));
        assert_eq!(wide.contains("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"), Some(u128::MAX));
    }
    assert!(started.elapsed().as_secs() < 1);
}

#[test]
fn the_same_range_written_again_is_the_same() {
    use Casing::*;
    use Format::*;
    assert!(range(Base10, None, Upper, 1, 2).is_same(&range(Base10, None, Lower, 1, 2)));
    assert!(!range(Base10, None, Upper, 1, 2).is_same(&range(Base10, None, Upper, 1, 3)));
    assert!(!range(Base10, None, Upper, 1, 2).is_same(&range(Base10, Some(1), Upper, 1, 2)));
    assert!(!range(Base10, None, Upper, 1, 2).is_same(&range(Base16, None, Upper, 1, 2)));
    assert!(!range(Base16, None, Upper, 1, 2).is_same(&range(Base16, None, Lower, 1, 2)));
    assert!(range(MacDot, Some(7), Upper, 1, 2).is_same(&range(MacDot, None, Upper, 1, 2)));
}

#[test]
fn a_row_that_holds_no_range_is_a_fault_of_ours() {
    let good = range(Format::Base10, Some(4), Casing::Upper, 1, 2).columns();
    assert!(Range::from_stored(&good).is_ok());
    for bad in [
        RangeColumns { format: 5, ..good },
        RangeColumns { format: -1, ..good },
        RangeColumns { casing: 2, ..good },
        RangeColumns { length: Some(-4), ..good },
        RangeColumns { length: Some(1 << 40), ..good },
        RangeColumns { last: [0; 16], ..good },
        RangeColumns { last: [255; 16], ..good },
    ] {
        assert!(matches!(Range::from_stored(&bad), Err(Error::Internal(_))), "{bad:?}");
    }
}

fn formats() -> impl Strategy<Value = Format> {
    proptest::sample::select(Format::ALL.to_vec())
}

fn casings() -> impl Strategy<Value = Casing> {
    proptest::sample::select(Casing::ALL.to_vec())
}

/// Numbers of all sizes, mostly close to where the number of digits changes.
fn numbers() -> impl Strategy<Value = u128> {
    let near = |radix: u128, places: u32| {
        (0..places, 0..40_u128).prop_map(move |(power, off)| radix.pow(power).saturating_add(off).saturating_sub(20))
    };
    prop_oneof![0..300_u128, near(10, 39), near(16, 32), any::<u128>()]
}

/// Ranges of at most 300 numbers, so that they can be written out.
fn small_ranges() -> impl Strategy<Value = Range> {
    let lengths = proptest::option::of(prop_oneof![1..6_u32, 1..45_u32]);
    (formats(), lengths, casings(), numbers(), 0..300_u128).prop_map(|(format, length, casing, first, width)| {
        let spelling = Spelling::new(format, length, casing).unwrap();
        let first = if first > spelling.max_number() { first % (spelling.max_number() + 1) } else { first };
        Range::new(spelling, first, first.saturating_add(width).min(spelling.max_number())).unwrap()
    })
}

fn written_out(range: &Range) -> HashSet<String> {
    (range.first()..=range.last()).map(|number| range.spelling().encode(number).unwrap()).collect()
}

proptest! {
    #[test]
    fn a_serial_number_is_a_member_exactly_when_its_number_is_and_is_spelled_so(
        range in small_ranges(), other in small_ranges(), text in "[0-9a-fA-F:.-]{0,20}",
    ) {
        let members = written_out(&range);
        prop_assert_eq!(members.len() as u128, range.last() - range.first() + 1);
        for text in written_out(&other).iter().chain(&members).chain([&text]) {
            let number = range.contains(text);
            prop_assert_eq!(number.is_some(), members.contains(text), "{} {:?}", text, range);
            if let Some(number) = number {
                prop_assert_eq!(range.spell(number), Some(text.clone()));
            }
            let by_reading = Spelling::readings(text)
                .iter()
                .any(|&(spelling, n)| spelling == range.spelling() && (range.first()..=range.last()).contains(&n));
            prop_assert_eq!(by_reading, members.contains(text));
        }
    }

    #[test]
    fn overlap_is_what_writing_out_both_ranges_finds(
        a in small_ranges(), length in proptest::option::of(1..6_u32), same_length: bool,
        casing in casings(), offset in -320..320_i128, width in 0..300_u128,
    ) {
        let length = if same_length { a.spelling().length() } else { length };
        let spelling = Spelling::new(a.spelling().format(), length, casing).unwrap();
        let first = a.first().saturating_add_signed(offset).min(spelling.max_number());
        let b = Range::new(spelling, first, first.saturating_add(width).min(spelling.max_number())).unwrap();
        let expected = !written_out(&a).is_disjoint(&written_out(&b));
        prop_assert_eq!(a.overlaps(&b), expected, "{:?} {:?}", a, b);
        prop_assert_eq!(b.overlaps(&a), expected);
    }

    #[test]
    fn a_range_comes_back_from_its_row(a in small_ranges(), b in small_ranges()) {
        prop_assert_eq!(Range::from_stored(&a.columns()), Ok(a));
        prop_assert_eq!(a.columns().first.cmp(&b.columns().first), a.first().cmp(&b.first()));
    }

    #[test]
    fn no_text_makes_a_reading_panic(text in any::<String>()) {
        for (spelling, number) in Spelling::readings(&text) {
            prop_assert_eq!(spelling.encode(number), Some(text.clone()));
        }
    }
}
