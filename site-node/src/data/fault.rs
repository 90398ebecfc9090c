//! What can be wrong with one cell.

/// Why a cell is not what its column must hold: the class of its value, never the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}; {}", self.what(), self.fix())]
pub enum CellFault {
    /// Nothing in it.
    Empty,
    /// Text.
    NotANumber,
    /// `1,5`.
    DecimalComma,
    /// `1.5` where `cohort.toml` states a decimal comma.
    DecimalPoint,
    /// `1.234,5` or `1 234`.
    Thousands,
    /// NaN or infinity.
    NotFinite,
    /// A number other than 0 and 1.
    NotAFlag,
    /// No word or number of an event or of its absence.
    NotAnEvent,
    /// A number that no cause of the outcome has.
    NotACause,
    /// A time below zero.
    NegativeTime,
    /// A follow-up of no length.
    ZeroTime,
    /// The event, and no time of it.
    EventWithoutTime,
    /// No date at all.
    NotADate,
    /// A date in another form, which may be read in two ways.
    DateFormat,
    /// A date in another form than `cohort.toml` states.
    OtherDateFormat,
    /// The 30th of February.
    NoSuchDay,
    /// A moment in a time zone, whose day here may be another.
    Zone,
    /// The end before the start.
    DatesOutOfOrder,
    /// A date outside the years that a hospital has records of.
    FarDate,
    /// A follow-up that ends tomorrow.
    AfterToday,
    /// A death tomorrow.
    DeathAfterToday,
    /// An age at the index date that nobody has.
    ImpossibleAge,
    /// No code, name or item.
    Nameless,
}

impl CellFault {
    /// What is found, in words.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotANumber => "not a number",
            Self::DecimalComma => "a number with a decimal comma",
            Self::DecimalPoint => "a number with a point in a table of decimal commas",
            Self::Thousands => "a number with separators between thousands",
            Self::NotFinite => "not a finite number",
            Self::NotAFlag | Self::NotAnEvent => "neither 0 nor 1",
            Self::NotACause => "neither 0 nor the number of a cause",
            Self::NegativeTime => "a negative time",
            Self::ZeroTime => "a time of zero",
            Self::EventWithoutTime => "an event without a time",
            Self::NotADate => "not a date",
            Self::DateFormat => "a date in another form than YYYY-MM-DD",
            Self::OtherDateFormat => "a date in another form than date_format in cohort.toml",
            Self::NoSuchDay => "a day that no calendar has",
            Self::Zone => "a moment with a time zone",
            Self::DatesOutOfOrder => "an end before its start",
            Self::FarDate => "a date before 1850 or after 2150",
            Self::AfterToday => "a follow-up that ends after today",
            Self::DeathAfterToday => "a death after today",
            Self::ImpossibleAge => "an age at the index date below 0 or above 130 years",
            Self::Nameless => "no code or item is named",
        }
    }

    /// How to mend it.
    #[must_use]
    pub fn fix(self) -> &'static str {
        match self {
            Self::Empty => "fill the cell or remove the patient",
            Self::NotANumber => {
                "write it as digits with a decimal point, leave the cell empty where the value is missing, or \
                 list the word under missing in cohort.toml"
            }
            Self::DecimalComma => {
                "write decimal = \",\" in cohort.toml where the comma is the decimal sign, or export with a \
                 decimal point and nothing between thousands"
            }
            Self::DecimalPoint => "export all numbers with the decimal sign of cohort.toml",
            Self::Thousands => "export without separators between thousands",
            Self::NotFinite => "correct the cell, or leave it empty where the value is missing",
            Self::NotAFlag => "write 1 for yes and 0 for no",
            Self::NotAnEvent => {
                "write 1 for the event and 0 for none, or list the column's words as event_is and no_event_is \
                 under [outcome] in cohort.toml"
            }
            Self::NotACause => {
                "write 0 where follow-up ended without an event, else 1 for the first of the causes, 2 for \
                 the second, or name the cause that is missing"
            }
            Self::NegativeTime => "remove patients whose event lies before the start of follow-up",
            Self::ZeroTime => "remove patients who were not followed, or count from an earlier day",
            Self::EventWithoutTime => "add the time of the event or remove the patient",
            Self::NotADate => "write it as YYYY-MM-DD, such as 2021-03-04",
            Self::DateFormat => {
                "state how the table writes dates in cohort.toml, such as date_format = \"%d.%m.%Y\", \"%d%b%Y\" or \
                 \"excel\", or write them as YYYY-MM-DD"
            }
            Self::OtherDateFormat => {
                "write all dates of the table in one form, or correct date_format in cohort.toml"
            }
            Self::Zone => {
                "state where its day is taken in cohort.toml, such as time_zone = \"Europe/Berlin\", or export the \
                 hospital's local date without a zone"
            }
            Self::FarDate => {
                "correct the date, and write the day up to which the data reach where 9999-12-31 stands for an open \
                 end"
            }
            Self::NoSuchDay | Self::AfterToday | Self::DeathAfterToday => "correct the date",
            Self::ImpossibleAge => "correct the year of birth or the index date",
            Self::DatesOutOfOrder => "correct one of the two dates",
            Self::Nameless => "fill the cell or remove the row",
        }
    }
}
