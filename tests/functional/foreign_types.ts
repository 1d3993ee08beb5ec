// Checked by tsc against the types that openapi-typescript makes of the app's description.
import type { components, operations, paths } from "./gateway";

type Schemas = components["schemas"];
type Page = paths["/bookings/businesses/{business}/appointments"]["get"]["responses"][200]["content"]["application/json"];
type Refused = operations["CreateAppointment"]["responses"][409]["content"]["application/json"];

const failure: Schemas["Failure"] = { error: { code: "OfALaterVersion", message: "It is newer.", requestId: "1" } };
const refused: Refused = failure;
const page: Page = { value: [{ id: "1", serviceName: null, serviceLocation: null }] };
const next: string | undefined = page.nextLink;
const address: Schemas["Address"] | null | undefined = page.value[0]?.serviceLocation?.address;
const replayed: "true" | undefined =
  ({} as operations["CreateAppointment"]["responses"][201]["headers"])["Idempotency-Replayed"];
const wait: number | undefined = ({} as operations["CreateAppointment"]["responses"][503]["headers"])["Retry-After"];

// @ts-expect-error: an id is never null
const wrong: Schemas["Appointment"] = { id: null };
// @ts-expect-error: a booking needs a service
const incomplete: Schemas["NewAppointment"] = { start: "2026-05-05" };

export { address, incomplete, next, refused, replayed, wait, wrong };
