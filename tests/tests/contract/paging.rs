//! Long lists, page by page (contract, manage.md "Serial numbers"): an offset means the same whatever the server remembers.

use cikada_tests::{Request, Server, fresh_name};

/// A page of a model's numbers.
fn page(server: &Server, model: &str, offset: usize) -> Vec<String> {
    let request = Request::get(&format!("/provision/manage/model/{model}/?offset={offset}&limit=1000"));
    let answer = server.call(&request.header("X-Exosite-Token", &server.cast.vendor_token)).expect(200);
    answer.lines().iter().map(|line| line.split(',').next().unwrap().to_owned()).collect()
}

#[test]
fn an_offset_counts_what_is_there_now_however_the_pages_before_were_read() {
    let server = Server::shared();
    let (vendor, model) = (server.vendor(), fresh_name("paged"));
    vendor.add_model(&model, &[]);
    let mut numbers: Vec<String> = (0..4_500).map(|number| format!("n{number:05}")).collect();
    let at = format!("/manage/model/{model}/");
    vendor.send("POST", &at, "text/csv", numbers.join("\n") + "\n").expect(205);

    let whole: Vec<String> = (0..5).flat_map(|place| page(&server, &model, place * 1_000)).collect();
    assert_eq!(whole, numbers);
    let same = |numbers: &[String], offset: usize| {
        let expected = &numbers[offset..numbers.len().min(offset + 1_000)];
        assert_eq!(page(&server, &model, offset), expected, "at {offset}");
    };
    // Read on from a place, after something before it has gone, has come, has got a client.
    same(&numbers, 1_000);
    vendor.post(&at, &[("delete", "true"), ("sn", "n00007")]).expect(205);
    numbers.remove(7);
    same(&numbers, 2_000);
    vendor.add(&model, &["n00000a"]);
    numbers.insert(1, "n00000a".to_owned());
    same(&numbers, 3_000);
    same(&numbers, 2_000);
    vendor.enable(&model, "n01500");
    same(&numbers, 3_000);
    same(&numbers, 4_000);
    same(&numbers, 2_500);
    assert_eq!(page(&server, &model, 4_500), [] as [&str; 0]);
}
