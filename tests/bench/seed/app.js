// The seed chapter's server (Express and the mongodb driver), with three changes: it answers the new value
// (`returnDocument: 'after'`; the chapter's `returnNewDocument` is mongosh's word and does nothing here), its
// writes are journaled by a majority as the counter's are, and URL and port are arguments.
const express = require('express');
const { MongoClient } = require('mongodb');
const [url, port] = process.argv.slice(2);
const app = express();
let count;

const client = new MongoClient(url, { writeConcern: { w: 'majority', j: true } });
async function run() {
  try {
    await client.connect();
    await client.db('admin').command({ ping: 1 });
    console.log('CONNEXION DB OK !');
    count = client.db('seed').collection('count');
  } catch (err) {
    console.log(err.stack);
  }
}
run().catch(console.dir);

app.get('/', (req, res) => {
  count
    .findOneAndUpdate({}, { $inc: { count: 1 } }, { returnDocument: 'after', upsert: true })
    .then((doc) => {
      res.status(200).json(doc ? doc.count : 0);
    });
});

app.listen(Number(port), '127.0.0.1');
