# Makes the folders in tests/data/lake. Needs pyarrow; run in the root of the repository.
import pathlib, shutil, pyarrow as pa, pyarrow.parquet as pq
D = pathlib.Path('tests/data/lake')
rows = [(1, '2024-02-28', 'EU', '10.50'), (2, '2024-02-28', 'UK', '1.00'), (3, '2024-02-29', 'EU', '2.25'), (4, '2024-02-29', None, '7.00'),
        (5, '2024-02-29', 'A/B: 100%', '8.00'), (6, '2024-03-01', 'EU', '3.00'), (7, '2024-03-01', '', '4.00'), (8, '2024-02-29', 'EU', '5.75')]
def folder(root, day, region):
    name = '__HIVE_DEFAULT_PARTITION__' if region is None else ''.join(c if c.isalnum() else f'%{ord(c):02X}' for c in region)
    path = D / root / f'day={day}' / f'region={name}'
    path.mkdir(parents=True, exist_ok=True)
    return path
for root in ('csv', 'parquet', 'jsonl'):
    shutil.rmtree(D / root, ignore_errors=True)
groups = {}
for id, day, region, amount in rows:
    groups.setdefault((day, region), []).append((id, amount))
for (day, region), some in groups.items():
    # The file says another day than its folder, which is right.
    (folder('csv', day, region) / 'part-0.csv').write_text('id,amount,day\n' + ''.join(f'{i},{a},never\n' for i, a in some))
    (folder('jsonl', day, region) / 'part-0.jsonl').write_text(''.join(f'{{"id":{i},"amount":{a}}}\n' for i, a in some))
    pq.write_table(pa.table({'id': [i for i, _ in some], 'amount': [float(a) for _, a in some]}), folder('parquet', day, region) / 'part-0.parquet')
(D / 'csv' / '_SUCCESS').write_text('')
(D / 'csv' / '.part.csv.crc').write_text('crc')
# A file that no row of a filtered read comes from is not opened: this one has a page that is no page.
bad = folder('parquet', '2023-01-01', 'EU') / 'part-0.parquet'
pq.write_table(pa.table({'id': [99], 'amount': [1.0]}), bad)
bytes = bytearray(bad.read_bytes())
for at in range(4, 40):
    bytes[at] ^= 0xff
bad.write_bytes(bytes)
# Folders that do not agree.
for path in ('mixed/day=1/a.csv', 'mixed/b.csv', 'twice/k=1/k=2/a.csv', 'formats/k=1/a.csv', 'formats/k=2/a.jsonl', 'words/k=1/a.csv', 'words/k=one/a.csv'):
    (D / path).parent.mkdir(parents=True, exist_ok=True)
    (D / path).write_text('id\n1\n')
