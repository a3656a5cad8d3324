//! Files behind URLs, read from a server of the test's own: formats, what is fetched, what goes wrong.
#![cfg(feature = "remote-files")]

use crate::process::{Workplace, flowc, repository};
use crate::remote_server::{Answer, Request, Server};
use std::io::Write;

/// A run of a program with the environment of nobody; its status, output and messages.
fn run(workplace: &Workplace, arguments: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = flowc();
    for (name, _) in std::env::vars() {
        if name.starts_with("AWS_") || name.to_ascii_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command.args(arguments).current_dir(workplace.path()).env("FLOWC_NET_TIMEOUT", "20");
    command.envs(env.iter().copied());
    let output = command.output().expect("flowc starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn program(workplace: &Workplace, text: &str) -> (Option<i32>, String, String) {
    run(workplace, &["run", "-q", "-e", text], &[])
}

fn data(name: &str) -> Vec<u8> {
    std::fs::read(repository().join("tests/data").join(name)).expect("test data")
}

fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(text).expect("compressed");
    out.finish().expect("compressed")
}

fn numbers(rows: usize) -> Vec<u8> {
    let lines = (0..rows).map(|i| format!("{i},{},row number {i}\n", i * 7 % 1000));
    format!("id,n,text\n{}", lines.collect::<String>()).into_bytes()
}

#[test]
fn every_format_is_read_as_from_a_file() {
    let workplace = Workplace::new();
    let csv = numbers(5000);
    let jsonl: String = (0..500).map(|i| format!("{{\"id\":{i},\"text\":\"é{i}\"}}\n")).collect();
    let files = [
        ("a.csv", csv.clone()),
        ("a.csv.gz", gzipped(&csv)),
        ("a.jsonl", jsonl.into_bytes()),
        ("types.parquet", data("columnar/types.parquet")),
        ("pages.parquet", data("columnar/pages.parquet")),
        ("types.arrow", data("columnar/types.arrow")),
        ("types.arrows", data("columnar/types.arrows")),
    ];
    for (name, bytes) in &files {
        std::fs::write(workplace.path().join(name), bytes).expect("written");
    }
    let server = Server::start(move |request: &Request| {
        let name = request.path().trim_start_matches("/files/").to_owned();
        match files.iter().find(|(n, _)| *n == name) {
            Some((_, bytes)) => Answer::object(request, bytes, "\"v1\""),
            None => Answer::status(404),
        }
    });
    for (name, rest) in [
        ("a.csv", "| filter n > 990"),
        ("a.csv", "schema { id: int, text: string } | sort id desc | take 3"),
        ("a.csv.gz", "| filter n > 990"),
        ("a.jsonl", "| filter id % 100 == 7"),
        ("a.csv", "as lines | take 2"),
        ("types.parquet", "| map { * except (list, ss, rec, lrec, map) }"),
        ("types.arrow", "| map { id, s, d38, rec }"),
        ("types.arrows", "| map { id, s, ts_ns }"),
        ("pages.parquet", "| filter id >= 1000 and id < 1105 | reduce { s: sum(mixed), n: max(name) }"),
    ] {
        let local = program(&workplace, &format!("read \"{name}\" {rest}"));
        assert_eq!(local.0, Some(0), "{name}: {}", local.2);
        for query in ["", "?token=SECRET#part"] {
            let url = format!("http://{}/files/{name}{query}", server.address());
            let (status, stdout, stderr) = program(&workplace, &format!("read \"{url}\" {rest}"));
            assert_eq!((status, stdout), (Some(0), local.1.clone()), "{url} {rest}\n{stderr}");
        }
    }
    // Bad rows have their lines, and nothing that is said holds what follows the path.
    let url = format!("http://{}/files/a.csv?token=SECRET", server.address());
    let bad = format!(
        "read \"{url}\" schema {{ id: int, text: int }} on_error quarantine(\"out/bad.csv\") | filter text > 0 | count"
    );
    let (status, _, stderr) = run(&workplace, &["run", "-e", &bad], &[]);
    let quarantine = std::fs::read_to_string(workplace.path().join("out/bad.csv")).expect("written");
    let shown = format!("http://{}/files/a.csv", server.address());
    assert!(status == Some(0) && stderr.contains(&format!("{shown}: 5 000 read")), "{stderr}");
    assert!(quarantine.contains(&format!("{shown},2,")) && quarantine.contains(&format!("{shown},5001,")));
    assert!(!quarantine.contains("SECRET") && !stderr.contains("SECRET"));
    let (_, effects, _) = run(&workplace, &["check", "--effects", "-e", &bad], &[]);
    assert!(effects.contains(&shown) && !effects.contains("SECRET"), "{effects}");
}

#[test]
fn no_more_is_fetched_than_needed() {
    let workplace = Workplace::new();
    let csv = numbers(900_000);
    let rows = "read \"a.csv\" schema { id: int, n: int, text: string } | write \"a.parquet\" as parquet(compression: \"none\")";
    std::fs::write(workplace.path().join("a.csv"), &csv).expect("written");
    assert_eq!(program(&workplace, rows).0, Some(0));
    let parquet = std::fs::read(workplace.path().join("a.parquet")).expect("written");
    let (csv_bytes, parquet_bytes) = (csv.len() as u64, parquet.len() as u64);
    let server = Server::start(move |request: &Request| match request.path() {
        "/a.csv" => Answer::object(request, &csv, "\"v1\""),
        "/a.parquet" => Answer::object(request, &parquet, "W/\"weak\""),
        _ => Answer::status(404),
    });
    let sent = |text: &str, command: &str| {
        let before = server.sent();
        let (status, stdout, stderr) = run(&workplace, &[command, "-e", text], &[]);
        assert_eq!(status, Some(0), "{text}\n{stderr}");
        (server.sent() - before, stdout)
    };
    let csv = format!("read \"http://{}/a.csv\"", server.address());
    // A connection is closed when its beginning has been read; the systems' buffers are full by then.
    let (bytes, _) = sent(&format!("{csv} schema {{ id: int }} | count"), "check");
    assert!(bytes < csv_bytes * 3 / 4, "{bytes} of {csv_bytes}");
    let (bytes, stdout) = sent(&format!("{csv} schema {{ id: int }} | take 2"), "run");
    assert!(bytes < csv_bytes * 3 / 2 && stdout.contains("1\n"), "{bytes} of {csv_bytes}");
    let parquet = format!("read \"http://{}/a.parquet\"", server.address());
    let (bytes, stdout) = sent(&format!("{parquet} | filter id == 850000 | map {{ id, n }}"), "run");
    assert!(stdout.contains("850000,0"), "{stdout}");
    assert!(bytes < parquet_bytes / 3, "{bytes} of {parquet_bytes}");
    let (bytes, stdout) = sent(&format!("{parquet} | reduce {{ s: sum(n), t: count(text) }}"), "run");
    assert!(stdout.contains("449550000,900000"), "{stdout}");
    assert!(bytes < parquet_bytes * 3 / 2, "{bytes} of {parquet_bytes}");
}

#[test]
fn what_goes_wrong_is_said_and_nothing_is_mixed() {
    let workplace = Workplace::new();
    let csv = numbers(60_000);
    let parquet = data("columnar/sorted.parquet");
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |request: &Request| {
        let round = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let (kind, _) = request.path().trim_start_matches('/').split_once('/').unwrap_or_default();
        let bytes = if request.path().ends_with(".parquet") { &parquet } else { &csv };
        match kind {
            "good" => Answer::object(request, bytes, "\"v1\""),
            "refused" => Answer::status(403),
            "who" => Answer::status(401),
            "broken" => Answer::status(500),
            // A server that is overloaded twice.
            "busy" if round < 2 => Answer::status(503),
            "busy" => Answer::object(request, bytes, "\"v1\""),
            "silent" => Answer::object(request, bytes, "\"v1\"").stalling_after(1000),
            "cut" => Answer::whole(bytes, "W/\"weak\"").cut_after(bytes.len() / 2),
            "resumed" if !request.has("range") => Answer::whole(bytes, "\"v1\"").cut_after(bytes.len() / 2),
            "resumed" => Answer::object(request, bytes, "\"v1\""),
            "changing" => Answer::object(request, bytes, &format!("\"v{round}\"")),
            "weakly" => Answer::object(request, bytes, &format!("W/\"v{round}\"")),
            "longer" => Answer::whole(&[&bytes[..], &vec![b'\n'; round]].concat(), ""),
            "whole" => Answer::whole(bytes, "\"v1\""),
            "moved" => Answer::redirect(&request.path().replace("/moved/", "/good/")),
            "leaving" => Answer::redirect("file:///etc/passwd"),
            "round" => Answer::redirect(request.path()),
            _ => Answer::status(404),
        }
    });
    let count = |path: &str, env: &[(&str, &str)]| {
        let url = format!("http://{}/{path}?sig=SECRET", server.address());
        let schema = if path.ends_with(".csv") { "schema { id: int }" } else { "" };
        let text =
            format!("read \"{url}\" {schema} | reduce {{ n: count(), s: sum(id) }} | write \"out/n.csv\"");
        let (status, _, stderr) = run(&workplace, &["run", "-q", "-e", &text], env);
        let shown: Vec<&str> = stderr.lines().filter(|l| !l.contains(" read \"")).collect();
        assert!(!shown.join("\n").contains("SECRET"), "{stderr}");
        let out = workplace.path().join("out");
        let found = std::fs::read_to_string(out.join("n.csv")).ok();
        let _ = std::fs::remove_dir_all(out);
        assert_eq!(found.is_some(), status == Some(0), "{path}: {stderr}");
        (status, found.unwrap_or_default(), stderr)
    };
    for path in ["busy/a.csv", "good/a.csv", "moved/a.csv", "resumed/a.csv", "whole/a.csv"] {
        let (status, found, stderr) = count(path, &[]);
        assert_eq!((status, found.as_str()), (Some(0), "n,s\n60000,1799970000\n"), "{path}: {stderr}");
    }
    let (status, found, stderr) = count("moved/a.parquet", &[]);
    assert_eq!((status, found.as_str()), (Some(0), "n,s\n1000,499500\n"), "{stderr}");
    for (path, status, said) in [
        ("nothing/a.csv", 1, "there is no file"),
        ("refused/a.csv", 1, "refuses to show it"),
        ("who/a.csv", 1, "who is reading"),
        ("broken/a.csv", 1, "500"),
        ("cut/a.csv", 3, ""),
        ("changing/a.csv", 1, "it changed while"),
        ("changing/a.parquet", 1, "it changed while"),
        ("weakly/a.parquet", 1, "it changed while"),
        ("longer/a.csv", 1, "it changed while"),
        ("whole/a.parquet", 1, "cannot deliver a part of it"),
        ("leaving/a.csv", 1, ""),
        ("round/a.csv", 1, ""),
    ] {
        let (found, _, stderr) = count(path, &[("FLOWC_NET_TIMEOUT", "3")]);
        assert!(found == Some(status) && stderr.contains(said), "{path}: {found:?}\n{stderr}");
    }
    let (status, _, stderr) = count("silent/a.csv", &[("FLOWC_NET_TIMEOUT", "1")]);
    assert!(matches!(status, Some(1 | 3)) && stderr.contains("silent for 1 seconds"), "{stderr}");
    let gone = "read \"http://127.0.0.1:9/a.csv\" schema { id: int } | count";
    let (status, _, stderr) = run(&workplace, &["run", "-e", gone], &[("FLOWC_NET_TIMEOUT", "2")]);
    assert!(status == Some(1) && stderr.contains("http://127.0.0.1:9/a.csv"), "{stderr}");
}

#[test]
fn objects_of_a_bucket_are_read_by_anybody_or_with_keys() {
    let workplace = Workplace::new();
    let (csv, parquet) = (numbers(1000), data("columnar/sorted.parquet"));
    let server = Server::start(move |request: &Request| {
        let signed = request.header("authorization").is_some_and(|a| a.contains("Credential=KEY/"));
        match request.path() {
            "/open/in%20it/a.csv" | "/open/in it/a.csv" => Answer::object(request, &csv, "\"v1\""),
            "/closed/a.parquet" if signed => Answer::object(request, &parquet, "\"v2\""),
            "/closed/a.parquet" => Answer::status(403),
            _ => Answer::status(404),
        }
    });
    let endpoint = format!("http://{}", server.address());
    let anybody = [("AWS_ENDPOINT_URL", endpoint.as_str())];
    let keys =
        [anybody[0], ("AWS_ACCESS_KEY_ID", "KEY"), ("AWS_SECRET_ACCESS_KEY", "SECRET"), ("AWS_REGION", "x")];
    let open = "read \"s3://open/in it/a.csv\" schema { id: int } | reduce { s: sum(id) }";
    let closed = "read \"s3://closed/a.parquet\" | filter id >= 990 | reduce { s: sum(id) }";
    let (status, stdout, stderr) = run(&workplace, &["run", "-q", "-e", open], &anybody);
    assert_eq!((status, stdout.as_str()), (Some(0), "s\n499500\n"), "{stderr}");
    let (status, stdout, stderr) = run(&workplace, &["run", "-q", "-e", closed], &keys);
    assert_eq!((status, stdout.as_str()), (Some(0), "s\n9945\n"), "{stderr}");
    let (status, _, stderr) = run(&workplace, &["run", "-q", "-e", closed], &anybody);
    assert!(status == Some(1) && stderr.contains("refuses to show it"), "{stderr}");
    let (status, _, stderr) = run(&workplace, &["run", "-e", "read \"s3://open/b.csv\" as lines"], &keys);
    assert!(status == Some(1) && stderr.contains("no file `s3://open/b.csv`"), "{stderr}");
    assert!(!stderr.contains("SECRET"), "{stderr}");
}
