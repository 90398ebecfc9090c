//! Names that match in another spelling are a mistake, in every table, however many rows are meant to be passed over.

use super::Hospital;

/// Sixty patients, 0001 to 0060, and tables beside them whose names `written` writes.
fn hospital(written: impl Fn(u32) -> String) -> Hospital {
    let hospital = Hospital::new();
    let all = |row: &dyn Fn(u32) -> String| (1..=60).map(row).collect::<String>();
    let patients = all(&|n| format!("{n:04},2020-01-10,{n}.5,{}\n", n % 2));
    hospital.write("cohort.csv", format!("pid,day,months,died\n{patients}"));
    let labs = all(&|n| format!("{},2020-01-01,potassium,4,mmol/L\n", written(n)));
    hospital.write("labs.csv", format!("pid,date,item,value,unit\n{labs}"));
    let dx = all(&|n| format!("{},2019-01-01,I21.4\n", written(n)));
    hospital.write("dx.csv", format!("pid,date,code\n{dx}"));
    let genes = all(&|n| format!("{},1\n", written(n)));
    hospital.write("genes.csv", format!("pid,apoe\n{genes}"));
    hospital.write(
        "cohort.toml",
        "tables = [\"cohort.csv\"]\noptional_tables = [\"genes.csv\"]\npatient = \"pid\"\nindex_date = \"day\"\n\
         [outcome]\ntime = \"months\"\nunit = \"months\"\nevent = \"died\"\n[measurements.labs]\n\
         table = \"labs.csv\"\ndate = \"date\"\nitem = \"item\"\nvalue = \"value\"\nunit = \"unit\"\n[codes.dx]\n\
         table = \"dx.csv\"\ndate = \"date\"\ncode = \"code\"\nsystem = \"icd10\"\n",
    );
    hospital
}

#[test]
fn rows_that_match_in_another_spelling_are_a_problem_of_each_table_until_their_share_is_stated() {
    for (misspelt, hint) in [(1, "leading zeros"), (20, "leading zeros"), (59, "leading zeros")] {
        let write = |n: u32| if n <= misspelt { n.to_string() } else { format!("{n:04}") };
        let hospital = hospital(write);
        let told = hospital.told(None);
        assert_eq!(told.problems, 3, "{misspelt}: {}", told.text);
        for file in ["labs.csv", "dx.csv", "genes.csv"] {
            assert!(told.text.contains(&format!("{misspelt} of 60 ")), "{}", told.text);
            assert!(told.text.contains(file) && told.text.contains(hint), "{}", told.text);
        }
        let error = site_node::data::load(&hospital.source()).unwrap_err().to_string();
        assert!(error.contains("more than 1 % of its"), "{error}");
        assert!(error.contains("they match") && error.contains("[allowed_losses]"), "{error}");
        let stated = "[allowed_losses]\nlabs = 1.0\ndx = 1.0\ngenes = 1.0\n[outcome]";
        hospital.edit("cohort.toml", "[outcome]", stated);
        assert!(hospital.told(None).good, "{}", hospital.told(None).text);
    }
}

#[test]
fn names_that_differ_in_several_ways_at_once_are_found_too() {
    let found = hospital(|n| if n == 7 { "07.0".to_owned() } else { format!("{n:04}") });
    let told = found.told(None);
    assert!(told.problems == 3 && told.text.contains("written in one way"), "{}", told.text);
    // Strangers by any spelling are what a laboratory's table may hold many of.
    let strangers = hospital(|n| if n > 9 { format!("9{n:04}") } else { format!("{n:04}") });
    assert!(strangers.told(None).good, "{}", strangers.told(None).text);
}

#[test]
fn few_of_many_rows_are_a_note() {
    let hospital = hospital(|n| format!("{n:04}"));
    let text = std::fs::read_to_string(hospital.place("labs.csv")).unwrap();
    let more = (0..120).map(|n| format!("{:04},2019-01-01,sodium,140,mmol/L\n", n % 60 + 1));
    let more: String = more.collect();
    hospital.write("labs.csv", format!("{text}{more}7,2019-01-01,sodium,140,mmol/L\n"));
    let told = hospital.told(None);
    assert!(told.good && told.text.contains("1 of 181 rows of labs.csv"), "{}", told.text);
    assert!(told.text.contains("leading zeros"), "{}", told.text);
}

/// Deaths of whoever stands in no table would make survivors of them.
#[test]
fn deaths_of_omop_persons_in_another_spelling_are_a_problem() {
    for misspelt in [1, 15, 25] {
        let hospital = super::omop_checks::sixty_persons();
        let text = std::fs::read_to_string(hospital.place("omop/death.csv")).unwrap();
        let dotted = |(row, line): (usize, &str)| match line.split_once(',') {
            Some((name, day)) if (1..=misspelt).contains(&row) => format!("{name}.0,{day}\n"),
            _ => format!("{line}\n"),
        };
        hospital.write("omop/death.csv", text.lines().enumerate().map(dotted).collect::<String>());
        let told = hospital.told(None);
        let part = format!("{misspelt} of 30 rows of death.csv");
        assert!(told.problems == 1 && told.text.contains(&part), "{}", told.text);
        assert!(told.text.contains("without \".0\""), "{}", told.text);
        hospital.edit("cohort.toml", "[omop]", "[allowed_losses]\ndeath = 0.9\n[omop]");
        assert!(hospital.told(None).good, "{}", hospital.told(None).text);
    }
}

#[test]
fn a_withdrawal_in_another_spelling_is_refused_whatever_number_has_no_records() {
    let hospital = hospital(|n| format!("{n:04}"));
    hospital.write("gone.csv", "pid\n1\n2\nlong gone\n");
    hospital.edit(
        "cohort.toml",
        "[outcome]",
        "withdrawn = \"gone.csv\"\nwithdrawn_without_records = 3\n[outcome]",
    );
    let told = hospital.told(None);
    assert_eq!(told.problems, 1, "{}", told.text);
    assert!(told.text.contains("2 rows (2, 3)"), "{}", told.text);
    assert!(told.text.contains("without leading zeros they match"), "{}", told.text);
    hospital.write("gone.csv", "pid\n0001\n0002\nlong gone\n");
    assert!(hospital.told(None).good, "{}", hospital.told(None).text);
}
