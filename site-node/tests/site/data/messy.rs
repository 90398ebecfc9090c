//! Tables as hospitals really export them: read as they are where nothing is lost by it, and refused with what
//! mends them where something would be.

use site_node::data::{Cell, DataError, Source};
use site_node::inspect::Findings;

use super::{Hospital, plan};

/// Sixty patients in one table, written by `row` from a number, with more lines in `cohort.toml`.
fn sixty(header: &str, row: impl Fn(u32) -> String, settings: &str) -> Hospital {
    let hospital = Hospital::new();
    let rows: String = (1..=60).map(|number| row(number) + "\n").collect();
    hospital.write("cohort.csv", format!("{header}\n{rows}"));
    let (above, below) = settings.split_once('|').unwrap_or((settings, ""));
    hospital.write(
        "cohort.toml",
        format!(
            "tables = [\"cohort.csv\"]\npatient = \"pid\"\n{above}\n[outcome]\ntime = \"months\"\n\
             unit = \"months\"\nevent = \"died\"\n{below}\n"
        ),
    );
    hospital
}

const HEADER: &str = "pid,months,died,crp,sex";

fn plain(number: u32) -> String {
    format!("{number},{number}.5,{},{}.25,{}", number % 2, number % 7, sex(number))
}

fn sex(number: u32) -> &'static str {
    if number.is_multiple_of(3) { "f" } else { "m" }
}

fn told(found: &Findings) -> String {
    let problems = found.problems.iter().map(|it| format!("{}; {}\n", it.problem, it.fix));
    problems.chain(found.notes.iter().map(|note| format!("note: {note}\n"))).collect()
}

fn patients(hospital: &Hospital) -> usize {
    let (patients, problems) = hospital.read();
    assert!(problems.is_empty(), "{problems:?}");
    patients.unwrap().table.len()
}

fn numbers(hospital: &Hospital, column: &str) -> Vec<Option<f64>> {
    let table = hospital.read().0.unwrap().table;
    let column = table.column(column).unwrap();
    (0..table.len()).map(|row| column.number(row).unwrap()).collect()
}

const CRP: &str =
    "[features.views.crp]\nkind = \"number\"\ncolumn = \"crp\"\nmissing = \"indicator\"\n";
const SEX: &str = "[features.views.sex]\nkind = \"category\"\ncolumn = \"sex\"\n\
                   categories = [\"f\", \"m\"]\nmissing = \"indicator\"\n";

#[test]
fn a_decimal_comma_is_read_where_cohort_toml_states_it() {
    let clean = sixty(HEADER, plain, "");
    let german = |number| plain(number).replace(',', ";").replace('.', ",");
    let unstated = sixty(&HEADER.replace(',', ";"), german, "");
    let found = unstated.check(None);
    // One line for sixty cells, and no word of times of zero.
    assert_eq!(found.problems.len(), 1, "{}", told(&found));
    assert_eq!((found.problems[0].count, found.problems[0].rows.len()), (60, 5));
    assert!(
        told(&found).contains("decimal = \",\"") && !told(&found).contains("zero"),
        "{found:?}"
    );
    for settings in ["decimal = \",\"", "|[formats.\"cohort.csv\"]\ndecimal = \",\""] {
        let german = sixty(&HEADER.replace(',', ";"), german, settings);
        for column in ["months", "crp"] {
            assert_eq!(numbers(&german, column), numbers(&clean, column), "{settings}");
        }
    }
    let mixed = |number| german(number).replace("7,5;", "7.5;");
    let found = sixty(&HEADER.replace(',', ";"), mixed, "decimal = \",\"").check(None);
    assert!(told(&found).contains("a point in a table of decimal commas"), "{}", told(&found));
}

#[test]
fn words_for_missing_values_are_missing_and_no_others() {
    for word in ["NA", "NULL", "nan", "None", ".", "\\N", "#N/A"] {
        let row = |number: u32| {
            let crp = format!("{}.25", number % 7);
            if number <= 9 { plain(number).replace(&crp, word) } else { plain(number) }
        };
        let hospital = sixty(HEADER, row, "");
        let found = hospital.check(Some(&plan(CRP)));
        let all = told(&found);
        assert!(
            found.problems.is_empty() && all.contains("15.0 % of patients without"),
            "{word}: {all}"
        );
        assert!(all.contains("9 cells hold a word for a missing value"), "{word}: {all}");
        // Where the hospital lists its own, every cell that is none of them is told.
        let found = sixty(HEADER, row, "missing = [\"unknown\"]").check(Some(&plan(CRP)));
        let all = told(&found);
        assert_eq!((found.problems.len(), found.problems[0].count), (1, 9), "{word}: {all}");
        assert!(all.contains("leave") && all.contains("empty"), "{word}: {all}");
    }
}

#[test]
fn a_category_or_a_patient_may_be_called_like_a_missing_word() {
    let row = |number: u32| {
        let name = if number == 1 { "None".to_owned() } else { number.to_string() };
        format!("{name},{number},1,2,{}", if number <= 12 { "NA" } else { "DE" })
    };
    let hospital = sixty(HEADER, row, "");
    assert_eq!(patients(&hospital), 60);
    let table = hospital.read().0.unwrap().table;
    assert!(matches!(table.column("pid").unwrap().cell(0), Cell::Text("None")));
    let namibia = SEX.replace("\"f\", \"m\"", "\"NA\", \"DE\"");
    let all = told(&hospital.check(Some(&plan(&namibia))));
    assert!(all.contains("view \"sex\": 0.0 % of patients without"), "{all}");
}

#[test]
fn words_of_no_category_are_told() {
    let row =
        |number: u32| plain(number).replace(",f", if number <= 30 { ",F" } else { ",female" });
    let found = sixty(HEADER, row, "").check(Some(&plan(SEX)));
    let all = told(&found);
    assert!(all.contains("10 cells differ from a category in capitals"), "{all}");
    assert!(all.contains("10 cells hold a word that is no category"), "{all}");
    assert!(!all.contains("female"), "{all}");
    let found =
        sixty(HEADER, plain, "").check(Some(&plan(&SEX.replace("\"f\", \"m\"", "\"1\", \"2\""))));
    assert!(told(&found).contains("no patient has a value"), "{}", told(&found));
}

#[test]
fn words_of_the_event_are_mapped_and_else_refused() {
    let clean = sixty(HEADER, plain, "");
    for [event, none] in
        [["1:DECEASED", "0:LIVING"], ["2", "1"], ["Y", "N"], ["Dead", "Alive"], ["2.0", "1.0"]]
    {
        let row = |number: u32| {
            let word = if number % 2 == 1 { event } else { none };
            format!("{number},{number}.5,{word},1,f")
        };
        let found = sixty(HEADER, row, "").check(None);
        let all = told(&found);
        assert_eq!(found.problems.len(), 1, "{event}: {all}");
        assert!(all.contains("event_is and no_event_is under [outcome]"), "{event}: {all}");
        let settings = format!("|event_is = [\"{event}\"]\nno_event_is = [\"{none}\"]");
        let hospital = sixty(HEADER, row, &settings);
        assert_eq!(numbers(&hospital, "died"), numbers(&clean, "died"), "{event}");
        // A word of neither kind is no censoring, even where it is a number.
        hospital.edit("cohort.csv", &format!("4,4.5,{none},"), "4,4.5,0,");
        let found = hospital.check(None);
        assert_eq!(
            found.problems.iter().map(|it| it.row).collect::<Vec<_>>(),
            [Some(5)],
            "{event}"
        );
    }
    let half = sixty(HEADER, plain, "|event_is = [\"Dead\"]");
    let error = Source::load(&half.place("cohort.toml")).unwrap_err().to_string();
    assert!(error.contains("no_event_is"), "{error}");
}

#[test]
fn who_stands_in_one_table_alone_is_counted_and_must_be_allowed() {
    let name = |number: u32| format!("{:04}", 989 + number);
    let row = |number| plain(number).replacen(&number.to_string(), &name(number), 1);
    let hospital = sixty(HEADER, row, "");
    let bmi: Vec<String> = (1..=60).map(|number: u32| format!("{},25", 989 + number)).collect();
    hospital.write("extra.csv", format!("pid,bmi\n{}\n", bmi.join("\n")));
    hospital.edit("cohort.toml", "[\"cohort.csv\"]", "[\"cohort.csv\", \"extra.csv\"]");
    let found = hospital.check(None);
    let all = told(&found);
    assert!(all.contains("10 of 60 patients of cohort.csv stand in no row of extra.csv"), "{all}");
    assert!(all.contains("leading zeros") && found.problems.len() == 2, "{all}");
    // What a run refuses by holds no count.
    let error = hospital.read().1.first().unwrap();
    assert!(matches!(error, DataError::LeftOut { .. }), "{error}");
    assert!(!error.to_string().contains("10"), "{error}");
    let allowed = "[allowed_losses]\n\"cohort.csv\" = 0.17\n\"extra.csv\" = 0.17\n[outcome]";
    hospital.edit("cohort.toml", "[outcome]", allowed);
    assert_eq!(patients(&hospital), 50);
    let found = hospital.check(None);
    assert!(found.problems.is_empty() && told(&found).contains("10 of 60"), "{}", told(&found));
    hospital.edit("cohort.toml", "0.17", "1.7");
    assert!(Source::load(&hospital.place("cohort.toml")).is_err());
}

#[test]
fn an_identifier_is_the_same_with_point_zero() {
    let hospital = sixty(HEADER, plain, "");
    let wide =
        |of: &dyn Fn(u32) -> String| (1..=60).map(|number: u32| of(number)).collect::<String>();
    hospital.write("genes.csv", format!("pid,apoe\n{}", wide(&|n| format!("{n}.0,{}\n", n % 3))));
    let labs = wide(&|n| format!("{n}.0,2020-01-0{},3023103.0,{n}\n", n % 9 + 1));
    hospital.write("labs.csv", format!("pid,date,item,value\n{labs}"));
    let days = std::fs::read_to_string(hospital.place("cohort.csv")).unwrap();
    let days: Vec<String> = days
        .lines()
        .enumerate()
        .map(|(row, line)| format!("{line},{}", if row == 0 { "day" } else { "2020-01-10" }))
        .collect();
    hospital.write("cohort.csv", days.join("\n"));
    hospital.write("gone.csv", "pid\n5.0\n7.0\n");
    hospital.edit(
        "cohort.toml",
        "patient = \"pid\"",
        "patient = \"pid\"\noptional_tables = [\"genes.csv\"]\nindex_date = \"day\"\nwithdrawn = \"gone.csv\"",
    );
    let text = std::fs::read_to_string(hospital.place("cohort.toml")).unwrap();
    let table = "[measurements.labs]\ntable = \"labs.csv\"\ndate = \"date\"\nitem = \"item\"\nvalue = \"value\"\n\
                 units = { 3023103 = \"mmol/L\" }\n";
    hospital.write("cohort.toml", format!("{text}{table}"));
    assert_eq!(patients(&hospital), 58);
    assert!(numbers(&hospital, "apoe").iter().all(Option::is_some));
    let views = "[features.views.k]\nkind = \"measurement\"\ntable = \"labs\"\nitem = \"3023103\"\nunit = \"mmol/L\"\n\
                 window = 365\naggregate = \"last\"\nmissing = \"indicator\"\n";
    let all = told(&hospital.check(Some(&plan(views))));
    assert!(all.contains("view \"k\": 0.0 % of patients without"), "{all}");
    assert!(all.contains("written as 5.0 and read as 5"), "{all}");
    // Nothing is assumed where only some are so.
    hospital.edit("genes.csv", "\n5.0,", "\nx5,");
    assert!(numbers(&hospital, "apoe").iter().all(Option::is_none));
    let found = hospital.check(None);
    assert!(
        told(&found).contains("60 of 60") || told(&found).contains("58 of 58"),
        "{}",
        told(&found)
    );
}

/// Whoever withdrew and is not found may be there by another name, and would be trained on.
#[test]
fn a_withdrawal_that_matches_nobody_is_refused_until_it_is_stated() {
    let hospital = sixty(HEADER, plain, "withdrawn = \"gone.csv\"");
    for (list, unknown) in [("005\n007\n", 2), ("5\n007\n", 1), ("5.0\n7\n", 1)] {
        hospital.write("gone.csv", format!("pid\n{list}"));
        let found = hospital.check(None);
        let all = told(&found);
        assert_eq!((found.problems.len(), found.problems[0].count), (1, unknown), "{list}: {all}");
        assert!(all.contains("in another spelling") && all.contains("they match"), "{all}");
        let error = site_node::data::load(&hospital.source()).unwrap_err();
        assert!(matches!(error, DataError::MisspeltWithdrawn { .. }), "{error}");
    }
    hospital.write("gone.csv", "pid\n5\nlong gone\n");
    let error = site_node::data::load(&hospital.source()).unwrap_err();
    assert!(matches!(error, DataError::UnknownWithdrawn { row: 3, .. }), "{error}");
    hospital.write("gone.csv", "pid\n5\nlong gone\n");
    hospital.edit("cohort.toml", "[outcome]", "withdrawn_without_records = 1\n[outcome]");
    assert_eq!(patients(&hospital), 59);
    hospital.write("gone.csv", "pid\n5\n7\n");
    assert_eq!(patients(&hospital), 58);
    let all = told(&hospital.check(None));
    assert!(all.contains("withdrawn_without_records is 1, and 0 have"), "{all}");
}

#[test]
fn a_time_that_cannot_be_read_is_no_time_of_zero() {
    let negative = |number: u32| if number == 6 { "6,-3,1,1,f".to_owned() } else { plain(number) };
    let found = sixty(HEADER, negative, "").check(None);
    assert!(!told(&found).contains("time of zero"), "{}", told(&found));
    let zero = |number: u32| if number == 6 { "6,0,1,1,f".to_owned() } else { plain(number) };
    let found = sixty(HEADER, zero, "").check(None);
    assert!(told(&found).contains("1 patients: a time of zero"), "{}", told(&found));
}

/// A day that cannot be read makes no time, neither one of zero nor one since 1970.
#[test]
fn an_end_of_follow_up_that_cannot_be_read_is_no_time_of_zero() {
    for (bad, zeros) in [("2010-01-01", 0), ("01.01.2020", 0), ("2015-02-28", 1)] {
        let row = |n: u32| {
            let last = if n == 6 { bad } else { "2016-03-01" };
            format!("{n},2015-02-28,{last},{}\n", n % 2)
        };
        let hospital = Hospital::new();
        let rows: String = (1..=60).map(row).collect();
        hospital.write("cohort.csv", format!("pid,day,last,died\n{rows}"));
        hospital.write(
            "cohort.toml",
            "tables = [\"cohort.csv\"]\npatient = \"pid\"\nindex_date = \"day\"\n[outcome]\ntime = \"time\"\n\
             unit = \"days\"\nevent = \"died\"\nends = \"last\"\n",
        );
        let all = told(&hospital.check(None));
        let zero = all.contains("1 patients: a time of zero");
        assert_eq!((zero, all.contains("time of zero")), (zeros == 1, zeros == 1), "{bad}: {all}");
    }
}

#[test]
fn all_columns_in_other_capitals_are_told_at_once() {
    let hospital = sixty(&HEADER.to_uppercase(), plain, "split = \"crp\"");
    let found = hospital.check(None);
    let all = told(&found);
    assert_eq!(found.problems.len(), 4, "{all}");
    assert_eq!(all.matches("differs in capitals").count(), 4, "{all}");
}

#[test]
fn what_nobody_asks_for_refuses_nothing() {
    let ward: Vec<u8> = (1..=60_u32)
        .flat_map(|number| [plain(number).as_bytes(), b",Z\xfcrich,1,2,\n"].concat())
        .collect();
    let hospital = sixty(HEADER, plain, "");
    hospital.write(
        "cohort.csv",
        [HEADER.as_bytes(), b",ward,visit,visit,\n\n", &ward, b",,,,,,,,\n,,,,,,,,\n"].concat(),
    );
    assert_eq!(patients(&hospital), 60);
    let found = hospital.check(Some(&plan(CRP)));
    let all = told(&found);
    assert!(found.problems.is_empty(), "{all}");
    assert!(all.contains("3 empty rows") && all.contains("not UTF-8"), "{all}");
    let ward = SEX.replace("column = \"sex\"", "column = \"ward\"");
    let all = told(&hospital.check(Some(&plan(&ward))));
    assert!(all.contains("a column that is asked for is not UTF-8"), "{all}");
    let visit = CRP.replace("column = \"crp\"", "column = \"visit\"");
    let all = told(&hospital.check(Some(&plan(&visit))));
    assert!(all.contains("rename or drop one"), "{all}");
}
