"""What the compiler of the gazetteer knows by itself: codes, nicknames, corrections."""

HOME = ("AU", "CA", "GB", "IE", "NZ", "US")  # countries with postal codes and every alias
ISLANDS = ("GG", "IM", "JE")  # with British postal codes of their own
TERRITORIES = {
    "AS": "American Samoa",
    "GU": "Guam",
    "MP": "Northern Mariana Islands",
    "PR": "Puerto Rico",
    "VI": "U.S. Virgin Islands",
}
# GeoNames' first-order codes as ISO 3166-2 and the names.
REGIONS = {
    "CA": "01 AB Alberta|02 BC British Columbia|03 MB Manitoba|04 NB New Brunswick|"
    "05 NL Newfoundland and Labrador|07 NS Nova Scotia|08 ON Ontario|09 PE Prince Edward Island|"
    "10 QC Quebec|11 SK Saskatchewan|12 YT Yukon|13 NT Northwest Territories|14 NU Nunavut",
    "AU": "01 ACT Australian Capital Territory|02 NSW New South Wales|03 NT Northern Territory|"
    "04 QLD Queensland|05 SA South Australia|06 TAS Tasmania|07 VIC Victoria|"
    "08 WA Western Australia",
    "GB": "ENG ENG England|SCT SCT Scotland|WLS WLS Wales|NIR NIR Northern Ireland",
}
# Spellings in the postal data that are not the name of the region.
SPELLINGS = {"northwest territory": "NT", "nunavut territory": "NU", "yukon territory": "YT"}
# How regions are shortened beside their codes, where that is no common word or name.
SHORT_REGIONS = {
    "AL": "Ala",
    "AZ": "Ariz",
    "CA": "Calif",
    "CO": "Colo",
    "CT": "Conn",
    "FL": "Fla",
    "MA": "Mass",
    "MI": "Mich",
    "MN": "Minn",
    "NE": "Nebr",
    "NY": "New York State|NY State|Upstate New York",
    "OK": "Okla",
    "ON": "Ont",
    "TN": "Tenn",
    "WA": "Washington State|Wash State",
    "WI": "Wisc",
}
COUNTRY_NAMES = {
    "US": "USA|United States of America|America|the United States",
    "GB": "UK|Great Britain|Britain",
    "IE": "Republic of Ireland|Eire",
    "CZ": "Czech Republic",
    "NL": "Holland",
}
RENAMED = {"New York City": "New York"}
# As everybody there says; of parts of the country, the county in their middle.
NICKNAMES = {
    ("US", "CA", "Alameda County"): "Bay Area|SF Bay Area|East Bay",
    ("US", "CA", "Orange County"): "OC|The OC",
    ("US", "CA", "Santa Clara County"): "Silicon Valley",
    ("US", "MA", "Barnstable County"): "Cape Cod|The Cape",
    ("US", "MN", "Minneapolis"): "Twin Cities|Mpls",
    ("US", "MO", "St. Louis"): "STL",
    ("US", "NC", "Dare County"): "Outer Banks|OBX",
    ("US", "NJ", "Monmouth County"): "Jersey Shore",
    ("US", "NM", "Albuquerque"): "ABQ",
    ("US", "NY", "Dutchess County"): "Hudson Valley",
    ("US", "NY", "Suffolk County"): "Long Island",
    ("US", "PA", "Delaware County"): "Delco",
    ("US", "PA", "Lehigh County"): "Lehigh Valley",
    ("US", "PA", "Montgomery County"): "Montco",
    ("US", "AZ", "Phoenix"): "PHX",
    ("US", "VA", "Norfolk"): "Hampton Roads",
    ("US", "NY", "New York"): "New York City|NYC|NY City",
    ("US", "NY", "The Bronx"): "Bronx",
    ("US", "CA", "Los Angeles"): "LA",
    ("US", "CA", "Los Angeles County"): "LA County",
    ("US", "CA", "Koreatown"): "K-Town|Ktown",
    ("US", "CA", "North Hollywood"): "NoHo",
    ("CA", "BC", "Downtown Eastside"): "DTES",
    ("US", "MA", "South Boston"): "Southie",
    ("US", "CA", "San Francisco"): "SF|San Fran",
    ("US", "DC", "Washington"): "DC|Washington DC",
    ("US", "FL", "Jacksonville"): "Jax",
    ("US", "FL", "St. Petersburg"): "St Pete",
    ("US", "GA", "Atlanta"): "ATL",
    ("US", "IN", "Indianapolis"): "Indy",
    ("US", "LA", "New Orleans"): "NOLA",
    ("US", "NV", "Las Vegas"): "Vegas",
    ("US", "OH", "Cincinnati"): "Cincy",
    ("US", "OK", "Oklahoma City"): "OKC",
    ("US", "PA", "Philadelphia"): "Philly",
    ("US", "UT", "Salt Lake City"): "SLC",
    ("CA", "QC", "Québec"): "Quebec City",
}
# Parts of cities that people call by name and GeoNames' list of cities has not, by region: name,
# latitude and longitude. Names that other towns are known by are left out.
NEIGHBORHOODS = {
    ("CA", "AB"): "Mill Woods 53.456 -113.430|Old Strathcona 53.518 -113.496",
    ("US", "CA"): "Barrio Logan 32.698 -117.142|Castro District 37.762 -122.435|"
    "City Heights 32.750 -117.098|Fruitvale 37.775 -122.224|Haight-Ashbury 37.770 -122.446|"
    "Logan Heights 32.700 -117.120|Los Feliz 34.106 -118.284|Pacific Beach 32.795 -117.238|"
    "Richmond District 37.780 -122.477|San Fernando Valley 34.190 -118.460|"
    "Skid Row 34.044 -118.244|South Central 33.990 -118.270|Sunset District 37.755 -122.490|"
    "Tenderloin 37.784 -122.414|Watts 33.940 -118.243",
    ("US", "CO"): "LoDo 39.753 -105.000|Montbello 39.784 -104.833",
    ("US", "FL"): "Liberty City 25.832 -80.225|Little Haiti 25.824 -80.192|"
    "Overtown 25.787 -80.201|Wynwood 25.801 -80.199",
    ("US", "GA"): "Little Five Points 33.764 -84.349",
    ("US", "IL"): "Bronzeville 41.823 -87.618|Garfield Park 41.881 -87.717|"
    "Humboldt Park 41.902 -87.723|Little Village 41.844 -87.713|Wicker Park 41.909 -87.679",
    ("US", "LA"): "French Quarter 29.959 -90.065|Gentilly 30.000 -90.055|"
    "Lower Ninth Ward 29.965 -90.012|Treme 29.967 -90.073",
    ("US", "MA"): "Mass and Cass 42.333 -71.073",
    ("US", "MD"): "Sandtown 39.302 -76.641",
    ("US", "MI"): "Brightmoor 42.400 -83.240|Corktown 42.331 -83.065|Mexicantown 42.319 -83.087",
    ("US", "MN"): "Cedar-Riverside 44.968 -93.246|Frogtown 44.958 -93.125",
    ("US", "MO"): "Central West End 38.644 -90.258",
    ("US", "NJ"): "Ironbound 40.727 -74.160",
    ("US", "NY"): "Bay Ridge 40.626 -74.033|Bed-Stuy 40.687 -73.944|"
    "Bedford-Stuyvesant 40.687 -73.944|Co-op City 40.874 -73.829|Crown Heights 40.668 -73.944|"
    "Greenwich Village 40.734 -74.003|Lower East Side 40.715 -73.984|South Bronx 40.816 -73.918|"
    "Upper East Side 40.774 -73.957",
    ("US", "OH"): "Slavic Village 41.455 -81.640",
    ("US", "PA"): "Gayborhood 39.947 -75.162|Hill District 40.443 -79.980|"
    "Mayfair 40.036 -75.050|Rittenhouse Square 39.949 -75.172|Squirrel Hill 40.438 -79.923",
    ("US", "TX"): "Deep Ellum 32.784 -96.781|Fifth Ward 29.776 -95.330|"
    "Oak Cliff 32.747 -96.830|Third Ward 29.725 -95.358",
    ("US", "WA"): "Ballard 47.669 -122.384|Belltown 47.614 -122.346|Pioneer Square 47.601 -122.332|"
    "Rainier Valley 47.550 -122.280|University District 47.661 -122.313",
}
NEIGHBORS = 25_000
"""People of such a part, of which nobody counts them: as many as in a small city."""
# Where both sources are far off, or the named city settles nothing: set by hand.
ZIP_POINTS = {
    "32815": (28.5240, -80.6510),  # Kennedy Space Center
    "82615": (42.3200, -106.2000),  # Shirley Basin, WY
    "92143": (32.5520, -117.0430),  # San Ysidro, San Diego
    "93042": (34.1194, -119.1211),  # Point Mugu; its ZIP area includes an island far out
    "96827": (21.3069, -157.8583),  # Honolulu
    "96835": (21.3069, -157.8583),  # Honolulu
    "99519": (61.2181, -149.9003),  # Anchorage, boxes
    "99695": (61.2181, -149.9003),  # Anchorage, boxes
}
# ZIPs of villages too small for the list of cities, where zip2info has the village and the
# Census point is the middle of a park, a desert or a census area: set by hand.
ZIPS_AT_TOWN = frozenset(
    "59936 89412 97906 99566 99586 99588 99613 99627 99640 99667 99691 99738 99781".split()
)
