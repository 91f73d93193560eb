/** The folder of PostgreSQL's programs, installed first where that is possible, or why there is none. */
export function ensurePostgres(): { bin: string; reason?: undefined } | { bin?: undefined; reason: string };
