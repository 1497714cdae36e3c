/** A store's description as its READY line gives it. */
export const ready = {
  url: "http://127.0.0.1:9000/",
  publishableKey: "pk_1",
  regionId: "reg_1",
  regions: [{ id: "reg_1", currency: "eur", countries: ["fr", "de"] }],
  promotionCode: "WELCOME10",
  adminEmail: "admin@example.com",
  adminPassword: "a-secret-of-the-admin",
  databaseUrl: "postgres://someone:a-secret-of-the-database@127.0.0.1/store",
  redisUrl: null,
  cache: "off",
  pid: 1,
}
