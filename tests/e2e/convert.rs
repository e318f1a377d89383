//! Goal: a crontab goes on as units: what it ran, as whom, with which variables and input, and when.
//! Method: `supctl convert` writes the units of a supd, which runs them: @reboot at once, the others by hand.

use std::fs;

use super::space::{Space, output};

const CRONTAB: &str = "\
# Comments, variables, input.
NAME = \"the first\"
MAILTO=ann@example.org
@reboot echo booted as $NAME
NAME=second
30 2 * * 1-5\techo \"$NAME\" 100\\%; cat%line one%line 'two'
0 25 * * * never
*/5 * * * * * seconds
";

#[test]
fn a_crontab_goes_on_as_units() {
    let space = Space::new();
    let crontab = space.path().join("app.crontab");
    fs::write(&crontab, CRONTAB).unwrap();
    let units = space.path().join("units");
    let words = ["convert", "--to", units.to_str().unwrap(), crontab.to_str().unwrap()];

    // A place with nothing in it yet: the verb needs no supd.
    let told = space.supctl(&words).code(78);
    assert_eq!(told.stdout, "app-1\napp-2\n", "{told:?}");
    for (line, why) in [(7, "`0 25 * * *`: hour 25"), (8, "more than five fields")] {
        let fault = format!("app.crontab:{line}: ");
        assert!(told.stderr.lines().any(|said| said.contains(&fault) && said.contains(why)), "{told:?}");
    }
    assert!(told.stderr.contains("MAILTO: no mail is sent"), "{told:?}");
    let before = fs::metadata(units.join("app-1.toml")).unwrap().modified().unwrap();
    space.supctl(&words).code(78);
    assert_eq!(fs::metadata(units.join("app-1.toml")).unwrap().modified().unwrap(), before);

    let supd = space.supd();
    supd.wait("job/app-1", "complete");
    supd.ctl("logs app-1").ok().stdout_is("booted as the first\n");
    assert_eq!(supd.json("get cronjob app-2")["spec"]["schedule"], "30 2 * * 1-5");
    supd.ctl("create job now --from=cronjob/app-2 --wait").ok();
    supd.ctl("logs job/now").ok().stdout_is("second 100%\nline one\nline 'two'\n");
    assert_eq!(supd.stop(), 0);
}

#[test]
fn a_crontab_of_the_system_says_as_whom_and_prints_a_bundle() {
    let space = Space::new();
    let directory = space.path().join("etc/cron.d");
    fs::create_dir_all(&directory).unwrap();
    let crontab = directory.join("Clean_up");
    fs::write(&crontab, "SHELL=/bin/bash\n17 * * * *\troot  echo $0 $SHELL $PWD >&2\n").unwrap();
    let bundle = space.supctl(&["convert", crontab.to_str().unwrap()]).ok().stdout;
    assert!(
        bundle.contains("\n[unit.cron-d-clean-up]\n") && bundle.contains("\nuser = \"root\"\n"),
        "{bundle}"
    );

    let space = space.unit("supd", &bundle);
    let supd = space.supd();
    supd.ctl("create job now --from=cronjob/cron-d-clean-up --wait").ok();
    supd.ctl("logs job/now").ok().stdout_is("/bin/bash /bin/bash /root\n");
    assert_eq!(supd.stop(), 0);

    // Where a line stands, and what stands beside it, is nothing to its name.
    let many = Space::new();
    let named = |text: &str, code| {
        fs::write(many.path().join("many"), text).unwrap();
        let words = ["convert", "--stable-names", "--to", "units", "many"];
        let told = output(many.supctl_command(&words).current_dir(many.path())).code(code);
        told.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let alone = named("@daily b\n", 0);
    assert_eq!((alone.len(), alone[0].len()), (1, "many-".len() + 6));
    let both = named("@daily a\n# more\n@daily b\n", 0);
    assert!(both.len() == 2 && both.contains(&alone[0]), "{alone:?} {both:?}");
    // What makes no unit is a fault of its line, and so is a second one of the same name; what others wrote stays.
    let text =
        "CRON_TZ=Nowhere/At\n@daily a\nCRON_TZ=\nHOME=x\n@daily a\nHOME=/\n@daily b\n@daily b\n\u{fffd}\n";
    assert_eq!(named(text, 78), alone);
    many.write_unit(&alone[0], "exec = ['true']\n");
    assert!(named("@daily b\n", 1).is_empty());

    let missing = Space::new();
    missing.supctl(&["convert", "no-such-file"]).code(78).stderr_has("cannot read no-such-file");
    missing.supctl(&["convert"]).code(2);
    fs::write(missing.path().join("long"), "@daily true\n".repeat(1_001)).unwrap();
    let long = missing.path().join("long");
    missing.supctl(&["convert", long.to_str().unwrap()]).code(78).stderr_has("more than 1000 lines");
}
