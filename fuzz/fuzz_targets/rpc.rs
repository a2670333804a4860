#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cikada_hostile::check("rpc", bytes));
