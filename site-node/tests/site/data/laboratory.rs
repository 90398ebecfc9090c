//! A laboratory's table: results in words, rows of others and rows without a date are passed over and counted. They
//! refuse nobody, unless an experiment asks for an item whose results are in words.

use super::Hospital;

/// Sixty patients with one number of potassium each, and `more` rows.
fn hospital(more: &str) -> Hospital {
    let hospital = Hospital::new();
    let row = |n: u32| format!("{n},2020-01-10,{n}.5,{}\n", n % 2);
    hospital.write("cohort.csv", format!("pid,day,months,died\n{}", all(row)));
    let row = |n: u32| format!("{n},2020-01-0{},potassium,{}.5,mmol/L\n", n % 9 + 1, n % 3 + 3);
    hospital.write("labs.csv", format!("pid,date,item,value,unit\n{}{more}", all(row)));
    hospital.write(
        "cohort.toml",
        "tables = [\"cohort.csv\"]\npatient = \"pid\"\nindex_date = \"day\"\n[outcome]\ntime = \"months\"\n\
         unit = \"months\"\nevent = \"died\"\n[measurements.labs]\ntable = \"labs.csv\"\ndate = \"date\"\n\
         item = \"item\"\nvalue = \"value\"\nunit = \"unit\"\n",
    );
    hospital
}

fn all(row: impl Fn(u32) -> String) -> String {
    (1..=60).map(row).collect()
}

fn view(item: &str) -> String {
    format!(
        "[features.views.k]\nkind = \"measurement\"\ntable = \"labs\"\nitem = {item:?}\nunit = \"mmol/L\"\n\
         window = 365\naggregate = \"last\"\nmissing = \"indicator\"\ncenter = 4.0\nscale = 1.0\n"
    )
}

#[test]
fn what_no_view_asks_for_is_counted_and_refuses_nobody() {
    let hospital = hospital(
        "1,2020-01-02,troponin,<0.01,ng/mL\n2,2020-01-02,culture,negative,\n3,,potassium,4,mmol/L\n\
         999,2020-01-02,potassium,4,mmol/L\n,2020-01-02,potassium,4,mmol/L\n4,2020-01-02,,4,mmol/L\n\
         5,2020-01-02,potassium,,mmol/L\n",
    );
    for views in [None, Some(view("potassium"))] {
        let told = hospital.told(views.as_deref());
        assert!(told.good, "{}", told.text);
        for part in [
            "2 of 67 rows of labs.csv hold a result in words",
            "1 of 67 rows of labs.csv have no date",
            "1 of 67 rows of labs.csv are of patients who stand in no table of patients",
            "1 of 67 rows of labs.csv name no patient",
            "1 of 67 rows of labs.csv say not what was measured",
            "1 of 67 rows of labs.csv hold no result",
        ] {
            assert!(told.text.contains(part), "{part} in {}", told.text);
        }
        assert!(!told.text.contains("0.01") && !told.text.contains("999"), "{}", told.text);
    }
}

#[test]
fn words_of_an_item_that_is_asked_for_are_a_loss_with_a_threshold_and_a_remedy() {
    // Three of 63 are less than one in twenty.
    let few = |n| format!("{n},2020-01-02,potassium,haemolytic,mmol/L\n");
    let told = hospital(&(1..=3).map(few).collect::<String>()).told(Some(&view("potassium")));
    let part = "3 of 63 rows of labs.csv hold a result of \"potassium\" in words, from row 62 on";
    assert!(told.good && told.text.contains(part), "{}", told.text);
    let many = |n| format!("{n},2020-01-02,potassium,<1.0,mmol/L\n");
    let hospital = hospital(&(1..=15).map(many).collect::<String>());
    assert!(hospital.told(None).good);
    let told = hospital.told(Some(&view("potassium")));
    assert_eq!(told.problems, 1, "{}", told.text);
    for part in ["15 of 75 rows", "list the words under missing", "\"labs.csv\" = 0.20"] {
        assert!(told.text.contains(part), "{part} in {}", told.text);
    }
    assert!(!told.text.contains("<1.0"), "{}", told.text);
    hospital.edit("cohort.toml", "[outcome]", "[allowed_losses]\n\"labs.csv\" = 0.2\n[outcome]");
    assert!(hospital.told(Some(&view("potassium"))).good);
    // What is stated holds for every kind of loss of the table.
    hospital.edit("cohort.toml", "0.2\n", "0.0\n");
    let told = hospital.told(None);
    assert!(!told.good && told.text.contains("in words"), "{}", told.text);
}

#[test]
fn a_table_of_strangers_or_of_words_alone_is_a_mistake() {
    let strangers = hospital("");
    let row = |n: u32| format!("{n:05},2020-01-01,potassium,4,mmol/L\n");
    strangers.write("labs.csv", format!("pid,date,item,value,unit\n{}", all(row)));
    let told = strangers.told(None);
    assert_eq!(told.problems, 1, "{}", told.text);
    assert!(told.text.contains("60 of 60") && told.text.contains("leading zeros"), "{}", told.text);
    // Half of them as pandas writes them, and half not: a hint in place of sixty errors.
    let row = |n: u32| {
        let zero = if n == 7 { "" } else { ".0" };
        format!("{n}{zero},2020-01-01,potassium,4,mmol/L\n")
    };
    strangers.write("labs.csv", format!("pid,date,item,value,unit\n{}", all(row)));
    let told = strangers.told(Some(&view("potassium")));
    assert!(
        told.text.contains("59 of 60") && told.text.contains("without \".0\""),
        "{}",
        told.text
    );
    let words = hospital("");
    let row = |n: u32| format!("{n},2020-01-01,potassium,normal,mmol/L\n");
    words.write("labs.csv", format!("pid,date,item,value,unit\n{}", all(row)));
    let told = words.told(None);
    assert!(!told.good && told.text.contains("60 of 60 rows"), "{}", told.text);
}

#[test]
fn an_item_that_nobody_has_is_a_problem_whatever_is_made_of_its_values() {
    let hospital = hospital("");
    for aggregate in ["last", "count"] {
        let view = view("3023103").replace("\"last\"", &format!("{aggregate:?}"));
        let told = hospital.told(Some(&view));
        assert!(!told.good, "{aggregate}: {}", told.text);
        assert!(told.text.contains("no patient has a"), "{aggregate}: {}", told.text);
    }
}

#[test]
fn diagnoses_without_a_date_or_a_code_are_counted() {
    let hospital = hospital("");
    let row = |n: u32| format!("{n},2019-01-01,I21.4\n");
    let more = "1,,I21.4\n2,2019-01-01,\n999,2019-01-01,I21.4\n";
    hospital.write("dx.csv", format!("pid,date,code\n{}{more}", all(row)));
    let text = std::fs::read_to_string(hospital.place("cohort.toml")).unwrap();
    let codes =
        "[codes.dx]\ntable = \"dx.csv\"\ndate = \"date\"\ncode = \"code\"\nsystem = \"icd10\"\n";
    hospital.write("cohort.toml", format!("{text}{codes}"));
    let told = hospital.told(None);
    assert!(told.good, "{}", told.text);
    for part in ["have no date", "name no code", "stand in no table of patients"] {
        assert!(told.text.contains(part), "{part} in {}", told.text);
    }
    assert_eq!(told.text.matches("1 of 63 rows of dx.csv").count(), 3, "{}", told.text);
}
