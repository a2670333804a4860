//! The budgets, one by one.

use super::*;

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

/// A clock that stands still until it is moved.
struct Fixed {
    tries: Tries,
    now: Instant,
}

impl Fixed {
    fn new(budgets: Budgets) -> Fixed {
        Fixed { tries: Tries::new(budgets), now: Instant::now() }
    }

    fn admit(&self, address: IpAddr, number: &impl Hash) -> Result<Admitted, u32> {
        self.tries.admit(address, number, self.now)
    }

    fn failed(&self, address: IpAddr, number: &impl Hash) {
        self.tries.failed(address, number, self.now);
    }
}

#[test]
fn an_address_pays_once_for_each_different_number() {
    let tries = Fixed::new(Budgets::default());
    for number in 0..100 {
        assert!(tries.admit(HOME, &number).is_ok(), "{number}");
        tries.failed(HOME, &number);
    }
    assert_eq!(tries.admit(HOME, &1000), Err(6));
    let polling = Fixed::new(Budgets::default());
    for _ in 0..9 {
        polling.failed(HOME, &"sn");
    }
    assert!(polling.admit(HOME, &"sn").is_ok());
    polling.failed(HOME, &"sn");
    assert!(polling.admit(HOME, &"sn").is_err());
    assert!(polling.admit(HOME, &"another").is_ok());
}

#[test]
fn an_address_that_has_used_up_its_day_waits_for_the_next() {
    let mut tries = Fixed::new(Budgets::default());
    let mut number = 0u32;
    for minute in 0..60 {
        while number < 600 && tries.admit(HOME, &number).is_ok() {
            tries.failed(HOME, &number);
            number += 1;
        }
        if minute < 59 {
            tries.now += Duration::from_secs(60);
        }
    }
    assert_eq!(number, 600, "100 and 10 a minute are 600 within the hour");
    tries.now += Duration::from_secs(60);
    let rest_of_day = 24 * 3600 - 60 * 60;
    assert_eq!(tries.admit(HOME, &number), Err(rest_of_day));
    tries.now += Duration::from_secs(u64::from(rest_of_day) - 1);
    assert_eq!(tries.admit(HOME, &number), Err(1));
    tries.now += Duration::from_secs(1);
    assert!(tries.admit(HOME, &number).is_ok());
}

#[test]
fn a_number_that_is_asked_for_again_costs_once_a_day() {
    let mut tries = Fixed::new(Budgets { address_per_day: 3, ..Budgets::default() });
    for hour in 0..48 {
        // Ten different numbers, hour by hour: three of them may be watched.
        let admitted: u32 = (0..10u32)
            .map(|number| match tries.admit(HOME, &number) {
                Ok(_) => {
                    tries.failed(HOME, &number);
                    1
                }
                Err(_) => 0,
            })
            .sum();
        assert!(admitted <= 3, "{admitted} in hour {hour}");
        tries.now += Duration::from_secs(3600);
    }
}

#[test]
fn a_number_knocked_at_from_everywhere_is_admitted_without_a_trace() {
    let tries = Fixed::new(Budgets::default());
    for last in 0..60u8 {
        tries.failed(IpAddr::from([203, 0, last, 1]), &"sn");
    }
    assert_eq!(tries.admit(HOME, &"sn"), Ok(Admitted { logged: false }));
    tries.tries.forget_number(&"sn");
    assert_eq!(tries.admit(HOME, &"sn"), Ok(Admitted { logged: true }));
}

#[test]
fn a_network_and_a_prefix_pay_together() {
    let tries = Fixed::new(Budgets::default());
    for number in 0..600u32 {
        tries.failed(IpAddr::from([198, 51, 100, (number % 200) as u8]), &number);
    }
    assert!(tries.admit(IpAddr::from([198, 51, 100, 250]), &"x").is_err());
    assert!(tries.admit(IpAddr::from([198, 51, 101, 250]), &"x").is_ok());
    let six = |last| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
    for number in 0..100 {
        tries.failed(six(number), &number);
    }
    assert!(tries.admit(six(1000), &"x").is_err());
}

#[test]
fn a_trusted_network_is_not_limited() {
    let trusted = vec![(IpAddr::from([198, 51, 100, 0]), 24)];
    let tries = Fixed::new(Budgets { trusted, ..Budgets::default() });
    for number in 0..1000 {
        tries.failed(HOME, &number);
    }
    assert!(tries.admit(HOME, &"x").is_ok());
    assert!(within(HOME, IpAddr::from([0, 0, 0, 0]), 0));
    assert!(!within(HOME, IpAddr::from([198, 51, 100, 8]), 32));
}
