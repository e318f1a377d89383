//! Promise: `supctl calendar` says in plain English what a schedule does.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use supd::unit::calendar::{Dst, Schedule};

#[test]
fn schedules_in_words() {
    for (expression, words) in [
        // Times of day.
        ("30 2 * * *", "at 02:30 every day"),
        ("0 0,12 * * *", "at 00:00 and 12:00 every day"),
        ("15,45 8,20 * * *", "at 08:15, 08:45, 20:15 and 20:45 every day"),
        ("15 30 2 * * *", "at 02:30:15 every day"),
        ("0,30 30 2 * * *", "at 02:30:00 and 02:30:30 every day"),
        // Rhythms.
        ("* * * * *", "every minute"),
        ("*/5 * * * *", "every five minutes"),
        ("0,15,30,45 * * * *", "every 15 minutes"),
        ("0 * * * *", "every hour"),
        ("0 */2 * * *", "every two hours"),
        ("* * * * * *", "every second"),
        ("*/5 * * * * *", "every five seconds"),
        ("0 9-17 * * *", "every hour from 09:00 to 17:00"),
        ("30 */2 * * *", "every two hours from 00:30 to 22:30"),
        ("*/15 9-17 * * *", "every 15 minutes from 09:00 to 17:45"),
        ("* 2 * * *", "every minute from 02:00 to 02:59"),
        ("* 30 2 * * *", "every second from 02:30:00 to 02:30:59"),
        // Neither.
        ("15 * * * *", "at minute 15 of every hour"),
        ("0,40 * * * *", "at minutes 0 and 40 of every hour"),
        ("*/7 * * * *", "at every seventh minute from 0 to 56 of every hour"),
        ("0-9,30 * * * *", "at minutes 0 to 9 and 30 of every hour"),
        ("*/5 1,3,7 * * *", "every five minutes of hours 1, 3 and 7"),
        ("30 1-6,9,12 * * *", "at minute 30 of hours 1 to 6, 9 and 12 every day"),
        ("15 * * * * *", "at second 15 of every minute"),
        ("*/10 0,30 * * * *", "every ten seconds of minutes 0 and 30 of every hour"),
        ("*/10 * 1,5,9 * * *", "every ten seconds of every minute of hours 1, 5 and 9"),
        // Days.
        ("0 0 * * 5", "at 00:00 on Friday"),
        ("0 0 * * 0,6", "at 00:00 on Saturday and Sunday"),
        ("0 0 * * 1-5", "at 00:00, Monday to Friday"),
        ("*/5 * * * 5-7", "every five minutes, Friday to Sunday"),
        ("0 0 1 * *", "at 00:00 on the 1st of the month"),
        ("0 0 2,3,11,22 * *", "at 00:00 on the 2nd, 3rd, 11th and 22nd of the month"),
        ("0 0 1-7 * *", "at 00:00 on the 1st to 7th of the month"),
        ("0 0 2/2 * *", "at 00:00 on every second day from the 2nd to the 30th of the month"),
        ("0 0 29 2 *", "at 00:00 on 29 February"),
        ("0 0 1,15 1,7 *", "at 00:00 on the 1st and 15th of January and July"),
        ("0 0 1 6-8 *", "at 00:00 on the 1st of each month from June to August"),
        ("0 0 * 1 *", "at 00:00 every day in January"),
        ("0 0 * 6-8 *", "at 00:00 every day from June to August"),
        ("*/5 * * 1 *", "every five minutes in January"),
        ("0 0 * 2 1-5", "at 00:00, Monday to Friday in February"),
        // Either day field is enough.
        ("0 0 13 * FRI", "at 00:00 on the 13th of the month or on Friday"),
        ("0 0 1 3,6 1-3", "at 00:00 on the 1st of the month or from Monday to Wednesday, in March and June"),
        ("0 0 1-31 * 1", "at 00:00 every day"),
        ("0 0 *,5 * 1", "at 00:00 on Monday"),
        // Macros.
        ("@yearly", "at 00:00 on 1 January"),
        ("@monthly", "at 00:00 on the 1st of the month"),
        ("@weekly", "at 00:00 on Sunday"),
        ("@daily", "at 00:00 every day"),
        ("@hourly", "every hour"),
        ("@every 1s", "every second"),
        ("@every 5s", "every five seconds"),
        ("@every 90s", "every 90 seconds"),
        ("@every 90m", "every 90 minutes"),
        ("@every 24h", "every 24 hours"),
        ("@every 26h1m", "every 26 hours and 1 minute"),
        ("@every 2h1m1s", "every 2 hours, 1 minute and 1 second"),
    ] {
        let schedule = Schedule::parse(expression, None, Dst::Once).unwrap();
        assert_eq!(schedule.words(), words, "{expression}");
    }
}

#[test]
fn the_zone_is_named_where_it_matters() {
    let words = |expression| Schedule::parse(expression, Some("Europe/Berlin"), Dst::Once).unwrap().words();
    assert_eq!(words("30 2 * * *"), "at 02:30 every day, Europe/Berlin");
    assert_eq!(words("@every 5m"), "every five minutes");
}
