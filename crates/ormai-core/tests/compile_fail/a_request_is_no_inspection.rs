use ormai_core::explain::Inspection;
use ormai_core::plan::ScopedPlan;
use ormai_core::request::Request;

fn from_a_request(request: Request) -> Inspection {
    request.into()
}

fn into_a_plan(inspection: Inspection) -> ScopedPlan {
    inspection.into()
}

fn main() {}
