//! The limits of the contract (README, "Limits"): each has a name, a default, and one place where it is set.

/// How much of everything one request or one thing may be. `Default` is the contract's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Vendor and model names, in characters.
    pub name_characters: usize,
    /// Serial numbers, content ids, group ids, token ids and aliases, in bytes of UTF-8.
    pub id_bytes: usize,
    /// Meta and extra, in bytes.
    pub meta_bytes: usize,
    /// Serial numbers in one request.
    pub batch_serial_numbers: usize,
    /// Ranges in one model.
    pub ranges_per_model: usize,
    /// A form or JSON body, in bytes.
    pub body_bytes: usize,
    /// The body of a serial-number batch, in bytes.
    pub batch_body_bytes: usize,
    /// One content blob, in bytes.
    pub content_bytes: u64,
    /// One value of a string dataport, in bytes.
    pub string_value_bytes: usize,
    /// Points that one read may ask for.
    pub points_per_read: usize,
    /// The texts of all values of one read, in bytes.
    pub read_bytes: usize,
    /// What is said of one resource, in bytes of JSON.
    pub description_bytes: usize,
    /// Calls in one RPC request.
    pub rpc_calls: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            name_characters: 100,
            id_bytes: 128,
            meta_bytes: 1024,
            batch_serial_numbers: 100_000,
            ranges_per_model: 10_000,
            body_bytes: 1 << 20,
            batch_body_bytes: 16 << 20,
            content_bytes: 4 << 30,
            string_value_bytes: 64 << 10,
            points_per_read: 100_000,
            read_bytes: 16 << 20,
            description_bytes: 128 << 10,
            rpc_calls: 1_000,
        }
    }
}
