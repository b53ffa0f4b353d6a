//! How ISO 9660 writes numbers and times.

/// Bytes of a sector, and of a block of the images made here.
pub(super) const SECTOR: usize = 2048;

const SECONDS_PER_DAY: u64 = 86_400;

/// The last second of 2155: directory records have one byte for the years since 1900.
const TIME_MAX: u64 = 5_869_583_999;

/// A place in an image from which on is written.
pub(super) struct Pen<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl<'a> Pen<'a> {
    pub(super) const fn new(bytes: &'a mut [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// Goes on elsewhere.
    pub(super) const fn move_to(&mut self, at: usize) {
        self.at = at;
    }

    /// Leaves bytes out: they are zeros.
    pub(super) const fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    // Inline, because most of what is put has a length that is known where it is put.
    #[inline]
    pub(super) fn put(&mut self, bytes: &[u8]) {
        let end = self.at + bytes.len();
        self.bytes[self.at..end].copy_from_slice(bytes);
        self.at = end;
    }
}

/// A number in both byte orders, as nearly every number is written.
pub(super) const fn both16(number: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (number.to_le_bytes(), number.to_be_bytes());
    [a, b, c, d]
}

/// A number in both byte orders.
pub(super) const fn both32(number: u32) -> [u8; 8] {
    let ([a, b, c, d], [e, f, g, h]) = (number.to_le_bytes(), number.to_be_bytes());
    [a, b, c, d, e, f, g, h]
}

/// A time in UTC, as both kinds of field have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time {
    year: u64,
    /// Month, day, hour, minute, second.
    rest: [u8; 5],
}

impl Time {
    /// From seconds since 1970; later than 2155 is the end of 2155.
    pub(super) fn new(seconds: u64) -> Self {
        let seconds = seconds.min(TIME_MAX);
        let (year, month, day) = date(seconds / SECONDS_PER_DAY);
        let of_day = seconds % SECONDS_PER_DAY;
        let rest = [month, day, of_day / 3600, of_day / 60 % 60, of_day % 60];
        Self { year, rest: rest.map(small) }
    }

    /// As directory records have it: binary, the last byte is the time zone.
    pub(super) fn short(self) -> [u8; 7] {
        let [month, day, hour, minute, second] = self.rest;
        [small(self.year - 1900), month, day, hour, minute, second, 0]
    }

    /// As volume descriptors have it: digits down to hundredths, then the time zone.
    pub(super) fn long(self) -> [u8; 17] {
        let mut text = [b'0'; 17];
        let pairs = [small(self.year / 100), small(self.year % 100)].into_iter().chain(self.rest);
        for (place, number) in text.chunks_exact_mut(2).zip(pairs) {
            place.copy_from_slice(&[b'0' + number / 10, b'0' + number % 10]);
        }
        text[16] = 0;
        text
    }
}

/// Year, month and day of a day since 1970, by the Gregorian calendar. Years begin in March here,
/// so that the day that comes and goes is the last one.
const fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_TO_1970: u64 = 719_468;
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let days = days + DAYS_TO_1970;
    let (era, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let is_next_year = month >= 10;
    let month = if is_next_year { month - 9 } else { month + 3 };
    (era * 400 + year + is_next_year as u64, month, of_month)
}

fn small(number: u64) -> u8 {
    u8::try_from(number).expect("parts of dates until 2155 are less than 256")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_calendars_have_them() {
        let long = |seconds| String::from_utf8(Time::new(seconds).long()[..16].to_vec()).unwrap();
        assert_eq!(long(0), "1970010100000000");
        assert_eq!(long(951_782_399), "2000022823595900");
        assert_eq!(long(951_782_400), "2000022900000000");
        assert_eq!(long(1_761_480_000), "2025102612000000");
        assert_eq!(long(4_107_542_400), "2100030100000000");
        assert_eq!(long(u64::MAX), "2155123123595900");
        assert_eq!(Time::new(1_761_480_001).short(), [125, 10, 26, 12, 0, 1, 0]);
        assert_eq!(Time::new(0).long()[16], 0);
    }
}
