import { Client, type ClientConfig } from "pg"

/** Does something on a connection of its own. @throws what connecting or the work throws */
export async function withClient<T>(
  connection: ClientConfig,
  schema: string | undefined,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({ application_name: "pegasus", ...connection })
  await client.connect()
  try {
    await lookIn(client, schema)
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Where the connection looks for tables; without a schema it stays as it is. */
export async function lookIn(client: Client, schema: string | undefined): Promise<void> {
  if (schema) await client.query("select set_config('search_path', $1, false)", [schema])
}
