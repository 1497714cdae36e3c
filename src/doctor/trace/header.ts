/** Of the request that is to be watched. */
export const header = "x-pegasus-trace"
