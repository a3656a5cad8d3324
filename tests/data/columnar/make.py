# Makes the Parquet and Arrow files in tests/data/columnar. Needs pyarrow; run in the root of the repository.
import pyarrow as pa, pyarrow.parquet as pq, pyarrow.ipc as ipc, decimal, datetime as dt, numpy as np
import pyarrow.feather as feather
D='tests/data/columnar/'
utc=dt.timezone.utc
# every type, three row groups of 3, with nulls
n=8
N=None
t=pa.table({
 'b': pa.array([True,False,N,True,False,N,True,False]),
 'i8': pa.array([-128,127,0,1,N,3,4,5],pa.int8()),
 'i16': pa.array([-32768,32767,0,1,2,3,4,N],pa.int16()),
 'i32': pa.array([-2**31,2**31-1,0,1,2,3,4,5],pa.int32()),
 'i64': pa.array([-2**63,2**63-1,0,1,2,3,N,5],pa.int64()),
 'u8': pa.array([0,255,0,1,2,3,4,5],pa.uint8()),
 'u32': pa.array([0,2**32-1,0,1,2,3,4,5],pa.uint32()),
 'u64': pa.array([0,2**63-1,0,1,2,3,4,N],pa.uint64()),
 'f32': pa.array([0.5,-1.25,N,1e30,float('nan'),float('inf'),-0.0,3],pa.float32()),
 'f64': pa.array([0.1,-1.25,N,1e300,float('nan'),float('-inf'),-0.0,3],pa.float64()),
 'd9': pa.array([decimal.Decimal(x)/100 if x is not None else N for x in (1,-250,0,12345678,N,3,4,5)],pa.decimal128(9,2)),
 'd38': pa.array([decimal.Decimal('1234567890123456789012345678.0123456789'),N,decimal.Decimal('-0.0000000001'),decimal.Decimal(1),decimal.Decimal(2),decimal.Decimal(3),decimal.Decimal(4),decimal.Decimal(5)],pa.decimal128(38,10)),
 's': pa.array(['a','ünï',N,'','long text that is no view',' x ','"q"','\n']),
 'ls': pa.array(['a','b',N,'','e','f','g','h'],pa.large_string()),
 'dict': pa.array(['x','y','x',N,'y','x','z','z']).dictionary_encode(),
 'bin': pa.array([b'\x00\xff',b'',N,b'abc',b'd',b'e',b'f',b'g'],pa.binary()),
 'fsb': pa.array([b'ab',b'cd',N,b'ef',b'gh',b'ij',b'kl',b'mn'],pa.binary(2)),
 'date': pa.array([dt.date(1970,1,1),dt.date(1969,12,31),N,dt.date(2024,2,29),dt.date(1,1,1),dt.date(9999,12,31),dt.date(2000,1,1),dt.date(2000,1,2)],pa.date32()),
 'ts_s': pa.array([0,-1,N,1700000000,1,2,3,4],pa.timestamp('s')),
 'ts_ms': pa.array([0,-1,N,1700000000123,1,2,3,4],pa.timestamp('ms',tz='UTC')),
 'ts_us': pa.array([0,-1,N,1700000000123456,1,2,3,4],pa.timestamp('us',tz='Europe/Paris')),
 'ts_ns': pa.array([0,-1,N,1700000000123456789,999,1000,1001,-1001],pa.timestamp('ns')),
 'time': pa.array([dt.time(1,2,3),dt.time(0),N,dt.time(23,59,59,999999),dt.time(1),dt.time(2),dt.time(3),dt.time(4)],pa.time64('us')),
 'list': pa.array([[1,2],[],N,[3,N],[4],[5],[6],[7,8,9]],pa.list_(pa.int32())),
 'ss': pa.array([['a'],['b','c'],[],N,[N],['d'],['e'],['f']],pa.list_(pa.string())),
 'rec': pa.array([{'x':1,'y':'a'},{'x':N,'y':'b'},N,{'x':4,'y':N},{'x':5,'y':'e'},{'x':6,'y':'f'},{'x':7,'y':'g'},{'x':8,'y':'h'}],pa.struct([('x',pa.int64()),('y',pa.string())])),
 'lrec': pa.array([[{'p':1}],[],N,[{'p':2},{'p':3}],[{'p':N}],[N],[{'p':4}],[{'p':5}]],pa.list_(pa.struct([('p',pa.int32())]))),
 'map': pa.array([[('k',1)],[],N,[('a',2),('b',N)],[('c',3)],[('d',4)],[('e',5)],[('f',6)]],pa.map_(pa.string(),pa.int64())),
})
# what must not be null says so
nn=pa.schema([pa.field('id',pa.int32(),nullable=False)]+list(t.schema))
t=pa.table([pa.array(range(1,n+1),pa.int32())]+[t.column(c) for c in t.column_names],schema=nn)
pq.write_table(t,D+'types.parquet',row_group_size=3,compression='zstd')
pq.write_table(t,D+'types_plain.parquet',row_group_size=3,compression='none',use_dictionary=False,data_page_version='2.0')
feather.write_feather(t,D+'types.feather',compression='lz4',chunksize=3)
with pa.OSFile(D+'types.arrow','wb') as f, ipc.new_file(f,t.schema) as w: w.write_table(t,max_chunksize=5)
with pa.OSFile(D+'types.arrows','wb') as f, ipc.new_stream(f,t.schema,options=ipc.IpcWriteOptions(compression='zstd')) as w: w.write_table(t,max_chunksize=4)
# durations (only Arrow has them; Parquet by the schema that Arrow leaves in it)
dur=pa.table({'d':pa.array([0,-1500,N],pa.duration('ms')),'v':pa.array(['one','a view that is longer than twelve bytes',N],pa.string_view()),'h':pa.array([1.5,N,float('nan')],pa.float16()), 'n':pa.nulls(3), 'd64':pa.array([dt.date(2024,5,1),dt.date(1969,12,31),N],pa.date64())})
pq.write_table(dur,D+'more.parquet')
with pa.OSFile(D+'more.arrow','wb') as f, ipc.new_file(f,dur.schema) as w: w.write_table(dur)
# sorted, many groups, for pruning
k=1000
s=pa.table({'id':pa.array(range(k),pa.int64()),'day':pa.array([dt.date(2024,1,1)+dt.timedelta(days=i//10) for i in range(k)]),'name':pa.array([f'n{i//100:02}' for i in range(k)]),'amount':pa.array([decimal.Decimal(i*7%1000)/100 for i in range(k)],pa.decimal128(12,2)),'x':pa.array([float(i) if i%100 else float('nan') for i in range(k)]),'maybe':pa.array([i if i>=500 else None for i in range(k)],pa.int32())})
pq.write_table(s,D+'sorted.parquet',row_group_size=100,compression='snappy')
# beyond int
pq.write_table(pa.table({'k':pa.array([1,2,3,4]),'u':pa.array([1,2**63,3,2**64-1],pa.uint64())}),D+'u64.parquet',row_group_size=2)
# two files of one table, and one that does not fit
pq.write_table(pa.table({'id':pa.array([1,2],pa.int64()),'s':['a','b']}),D+'part_a.parquet')
pq.write_table(pa.table({'s':['c',None],'id':pa.array([3,4],pa.int32()),'more':[1,2]}),D+'part_b.parquet')
pq.write_table(pa.table({'id':['x'],'s':['c']}),D+'odd.parquet')
pq.write_table(pa.table({'id':pa.array([],pa.int64()),'s':pa.array([],pa.string())}),D+'empty.parquet')
# columns without a page
pq.write_table(pa.table({'id':pa.array([],pa.int64()),'s':pa.array([],pa.string())}),D+'empty_plain.parquet',use_dictionary=False)
iv=pa.table({'id':[1],'i':pa.array([(1,2,3)],pa.month_day_nano_interval())})
with pa.OSFile(D+'interval.arrow','wb') as f, ipc.new_file(f,iv.schema) as w: w.write_table(iv)
b=bytearray(open(D+'sorted.parquet','rb').read())
# one page of `amount` in the middle
md=pq.read_metadata(D+'sorted.parquet'); c=md.row_group(4).column(3)
for i in range(c.data_page_offset+30,c.data_page_offset+50): b[i]^=0xff
open(D+'corrupt.parquet','wb').write(bytes(b))
# a page index: sorted columns, texts longer than what indexes keep, floats with NaN, pages of nulls, decimals, records
k=3000
p=pa.table({
 'id':pa.array(range(k),pa.int64()),
 'day':pa.array([dt.date(2024,1,1)+dt.timedelta(days=i//100) for i in range(k)]),
 'name':pa.array(['x'*70+f'{i//10:04}' for i in range(k)]),
 'code':pa.array([f'{"é" if i%2 else "e"}{i//500}' for i in range(k)]),
 'amount':pa.array([decimal.Decimal(i*3-4000)/100 for i in range(k)],pa.decimal128(12,2)),
 'x':pa.array([float('nan') if i%311==0 else i/4 for i in range(k)]),
 'maybe':pa.array([i if (i//200)%2 else None for i in range(k)],pa.int32()),
 'ok':pa.array([i>=2500 for i in range(k)]),
 'mixed':pa.array([(i*7919)%1000 for i in range(k)],pa.int64()),
 'rec':pa.array([{'a':i,'b':str(i)} for i in range(k)]),
})
p=p.cast(pa.schema([f if f.name!='id' else pa.field('id',pa.int64(),nullable=False) for f in p.schema]))
for name,version in [('pages','1.0'),('pages_v2','2.0')]:
    pq.write_table(p,D+name+'.parquet',row_group_size=1500,compression='zstd',data_page_size=600,write_batch_size=50,use_dictionary=['code'],write_page_index=True,data_page_version=version)
