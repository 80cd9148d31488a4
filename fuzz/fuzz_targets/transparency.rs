#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| yumen_fuzz::transparency::run(bytes));
