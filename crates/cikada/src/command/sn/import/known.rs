//! The serial numbers that a model has already, fetched when the first of them turns up: rows that are there are then passed over
//! without a question each.

use std::collections::HashSet;

use crate::client::{Request, Server};
use crate::command::sn::PATH;
use crate::failure::Outcome;

/// Rows of one page, the most that a server gives.
const PAGE: usize = 1000;
/// Numbers that are remembered at most; of a model with more, what is left of a refused batch is found out by halves.
const MOST: usize = 10_000_000;

/// Not asked for yet, or what there was.
#[derive(Default)]
pub struct Known {
    numbers: Option<HashSet<Box<str>>>,
}

impl Known {
    /// Whether it was asked for.
    pub fn is_loaded(&self) -> bool {
        self.numbers.is_some()
    }

    /// Whether the number was there when it was asked for.
    pub fn holds(&self, sn: &str) -> bool {
        self.numbers.as_ref().is_some_and(|numbers| numbers.contains(sn))
    }

    /// Fetches the model's numbers, page after page.
    pub fn load(&mut self, server: &Server, model: &str) -> Outcome {
        let mut numbers = HashSet::new();
        loop {
            let request = Request::get(PATH, &[model])
                .collection()
                .query("offset", &numbers.len().to_string())
                .query("limit", &PAGE.to_string())
                .to(format!("list the serial numbers of {model}"));
            let records = server.ask(&request)?.records()?;
            let before = numbers.len();
            let count = records.len();
            numbers
                .extend(records.into_iter().filter_map(|record| record.into_iter().next().map(String::into_boxed_str)));
            // A page that brings nothing new would bring nothing new again.
            if count < PAGE || numbers.len() == before || numbers.len() >= MOST {
                self.numbers = Some(numbers);
                return Ok(());
            }
        }
    }
}
