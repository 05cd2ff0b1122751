// Asks a query by urql; prints each result as a line of JSON.
const { Client, fetchExchange } = require("@urql/core");

const [url, query] = process.argv.slice(2);
const client = new Client({ url, exchanges: [fetchExchange], preferGetMethod: false });
client.query(query, {}).subscribe(({ data, error }) => {
  console.log(JSON.stringify({ data, errors: error?.graphQLErrors?.map(({ message }) => message) ?? [] }));
});
