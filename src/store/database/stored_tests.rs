//! Round trips through redb itself, and what is made of a file that is not whole.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::super::record::Write;
use super::*;

pub(in super::super) fn put(table: Table, key: &str, value: &str) -> Write {
    Write { table, key: key.into(), value: Some(value.into()) }
}

pub(in super::super) fn remove(table: Table, key: &str) -> Write {
    Write { table, key: key.into(), value: None }
}

fn batch(writes: Vec<Write>) -> Batch {
    Batch { number: 1, whole: false, writes }
}

fn taken(records: &mut Records, table: Table) -> Vec<(String, String)> {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    records.take(table).into_iter().map(|(key, value)| (text(key), text(value))).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
}

#[test]
fn what_is_written_is_read_in_the_order_of_keys() {
    let file = tempfile::tempfile().unwrap();
    let first = batch(vec![put(Table::Job, "b", "1"), put(Table::Job, "a", "2"), put(Table::Pod, "a", "3")]);
    let mut stored = Stored::create(file.try_clone().unwrap(), &first).unwrap();
    stored
        .write(&batch(vec![put(Table::Job, "c", "4"), remove(Table::Pod, "a"), put(Table::Job, "b", "5")]))
        .unwrap();
    let mut read = read(file.try_clone().unwrap()).unwrap();
    assert!(read.damaged.is_empty());
    assert_eq!(taken(&mut read.records, Table::Job), pairs(&[("a", "2"), ("b", "5"), ("c", "4")]));
    assert!(read.records.is_empty());
}

#[test]
fn the_last_of_two_writes_to_a_key_counts() {
    let file = tempfile::tempfile().unwrap();
    let writes = vec![
        put(Table::Unit, "a", "1"),
        remove(Table::Unit, "a"),
        put(Table::Unit, "b", "1"),
        put(Table::Unit, "b", "2"),
        remove(Table::Unit, "never there"),
    ];
    drop(Stored::create(file.try_clone().unwrap(), &batch(writes)).unwrap());
    let mut read = read(file).unwrap();
    assert_eq!(taken(&mut read.records, Table::Unit), pairs(&[("b", "2")]));
}

#[test]
fn a_whole_batch_is_all_there_is() {
    let file = tempfile::tempfile().unwrap();
    let first = batch(vec![put(Table::Job, "a", "1"), put(Table::Pod, "p", "1")]);
    let mut stored = Stored::create(file.try_clone().unwrap(), &first).unwrap();
    stored.write(&Batch { number: 2, whole: true, writes: vec![put(Table::Job, "b", "2")] }).unwrap();
    drop(stored);
    let mut read = read(file).unwrap();
    assert_eq!(taken(&mut read.records, Table::Job), pairs(&[("b", "2")]));
    assert!(read.records.is_empty());
}

#[test]
fn a_file_without_its_first_batch_is_empty_and_one_of_a_later_format_is_newer() {
    let file = tempfile::tempfile().unwrap();
    drop(Stored::open(file.try_clone().unwrap()).unwrap());
    assert!(file.metadata().unwrap().len() > 0);
    assert!(matches!(read(file.try_clone().unwrap()), Err(Unreadable::Empty)));

    let stored = Stored::open(file.try_clone().unwrap()).unwrap();
    let transaction = stored.database.begin_write().unwrap();
    transaction.open_table(FORMAT).unwrap().insert(FORMAT_KEY, 2).unwrap();
    transaction.commit().unwrap();
    drop(stored);
    assert!(matches!(read(file), Err(Unreadable::Newer(2))));
}

#[test]
fn a_record_with_a_wrong_checksum_is_left_out_and_counted() {
    let file = tempfile::tempfile().unwrap();
    let first = batch(vec![put(Table::Job, "a", "1"), put(Table::Job, "b", "1")]);
    let stored = Stored::create(file.try_clone().unwrap(), &first).unwrap();
    let transaction = stored.database.begin_write().unwrap();
    let foreign: &[u8] = b"not sealed";
    transaction.open_table(definition(Table::Job)).unwrap().insert(b"a".as_slice(), foreign).unwrap();
    transaction.commit().unwrap();
    drop(stored);
    let mut read = read(file).unwrap();
    assert_eq!(read.damaged, ["1 records of table job are damaged and were left out"]);
    assert_eq!(taken(&mut read.records, Table::Job), pairs(&[("b", "1")]));
}

#[test]
fn reading_changes_nothing_even_where_there_is_something_to_repair() {
    let file = tempfile::tempfile().unwrap();
    let mut stored =
        Stored::create(file.try_clone().unwrap(), &batch(vec![put(Table::Job, "a", "1")])).unwrap();
    stored.write(&batch(vec![put(Table::Job, "a", "2")])).unwrap();
    // As if we had died: the file is not put away in order.
    stored.give_up();
    let before = bytes(&file);
    let mut read = read(file.try_clone().unwrap()).unwrap();
    assert_eq!(taken(&mut read.records, Table::Job), pairs(&[("a", "2")]));
    assert_eq!(bytes(&file), before);
}

fn bytes(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}
