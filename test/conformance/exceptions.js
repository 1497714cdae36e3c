/** Required tests of the suite that the front does not pass, and why. */
const exceptions = [
  {
    // The suite of 2021 took an Age that is no number for an old one. RFC 9111 §5.1 has it ignored, and so has the suite of today.
    reason: "an Age that is no number is ignored",
    tests:
      /^age-parse-(nonnumeric|negative|float|prefix-twoline|dup-0|dup-0-twoline|dup-old|parameter|numeric-parameter)$/,
  },
  {
    // The front and what renders are one process: asking whether an answer still holds would cost as much as rendering it.
    reason: "nothing is validated with the origin: it is rendered anew",
    tests: /^(304-|conditional-etag-vary-headers$|cc-resp-must-revalidate-stale$)/,
  },
  {
    // When the suite's origin closes the connection, that is the client's own.
    reason: "there is no connection to the origin that it could close",
    tests: /^stale-close-/,
  },
  {
    // RFC 9111 §7.3 leaves it open; one who got the cookie of another would be the other.
    reason: "what sets a cookie is never kept",
    tests: /^headers-store-Set-Cookie$/,
  },
  {
    // It says 10 of a body of 36.
    reason: "the length that is said is that of the body",
    tests: /^headers-store-Content-Length$/,
  },
  {
    // RFC 9110 §14.2: a server may ignore Range. Answers of a store are JSON.
    reason: "parts of an answer are not sent",
    tests: /^partial-/,
  },
]

/** Why the test need not pass; undefined when it must. */
exports.reasonOf = (id) => exceptions.find(({ tests }) => tests.test(id))?.reason
