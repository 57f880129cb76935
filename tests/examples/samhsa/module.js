export const locations = {
  page: 1,
  totalPages: 9,
  recordCount: 250,
  rows: [
    {
      _irow: 1,
      name1: "Pine Needle Center: Adults",
      name2: "",
      street1: "22 Example \"Old\" Road",
      city: "Boulder",
      state: "CO",
      zip: "80302",
      phone: "303-555-0150",
      typeFacility: "SA",
      hotline1: null,
      website: "http://pine-needle.example/",
      latitude: "40.0176211",
      longitude: "-105.2796543",
      miles: 0.24,
      services: [
        {
          f1:
            "Service Settings (e.g., Outpatient, Residential, Inpatient etc.)",
          f2: "SET",
          f3: "Outpatient; Intensive outpatient treatment"
        },
        { f1: "Language Services", f2: "SL", f3: "Spanish" }
      ]
    }
  ]
};

export const planets = ["mercury", "venus"];
