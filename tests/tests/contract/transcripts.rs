//! Every row of device.md, manage.md and data.md, played byte by byte. The stories stand in `tests/transcripts/`.

use std::collections::BTreeSet;
use std::fs;

use cikada_tests::transcript::{parse, play};

macro_rules! transcripts {
    ($($name:ident),* $(,)?) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        $(
            #[test]
            fn $name() {
                let name = concat!("transcripts/", stringify!($name), ".txt");
                play(name, include_str!(concat!("../../transcripts/", stringify!($name), ".txt")));
            }
        )*
    };
}

transcripts! {
    activate,
    coap,
    content,
    data,
    data_values,
    download,
    groups,
    lost_answers,
    models,
    one_serial_number,
    registration,
    rpc_details,
    rpc_more,
    rpc_processing,
    rpc_rights,
    rpc_tree,
    serial_numbers,
    shares,
    tokens,
    utilities,
}

#[test]
fn every_transcript_can_be_read_and_is_played() {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("transcripts").expect("tests run in their package's folder") {
        let path = entry.unwrap().path();
        parse(&fs::read_to_string(&path).unwrap()).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        found.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
    }
    assert_eq!(found, NAMES.iter().map(|name| name.to_string()).collect());
}
