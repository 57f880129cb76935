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
# As everybody there says.
NICKNAMES = {
    ("US", "CA", "Orange County"): "OC|The OC",
    ("US", "MN", "Minneapolis"): "Twin Cities|Mpls",
    ("US", "MO", "St. Louis"): "STL",
    ("US", "NM", "Albuquerque"): "ABQ",
    ("US", "PA", "Delaware County"): "Delco",
    ("US", "PA", "Montgomery County"): "Montco",
    ("US", "AZ", "Phoenix"): "PHX",
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
# What people call parts of a region by, with the town or county in their middle.
AREAS = {
    ("CA", "AB"): "Calgary = YYC|Edmonton = YEG",
    ("CA", "BC"): "Abbotsford = Fraser Valley|Kelowna = Okanagan, Okanagan Valley|"
    "Nanaimo = Vancouver Island|Vancouver = Lower Mainland, Metro Vancouver",
    ("CA", "ON"): "Toronto = GTA, Greater Toronto Area",
    ("US", "AK"): "Matanuska-Susitna Borough = Mat-Su, Mat-Su Valley",
    ("US", "AZ"): "Phoenix = Valley of the Sun|Yavapai County = Verde Valley",
    ("US", "CA"): "Alameda County = Bay Area, East Bay, SF Bay Area|"
    "Escondido = North County San Diego|"
    "Fresno County = Central Valley, San Joaquin Valley|"
    "Humboldt County = Emerald Triangle|Imperial County = Imperial Valley|"
    "Lancaster = Antelope Valley|Los Angeles = SoCal|Napa County = Napa Valley|"
    "Palm Desert = Coachella Valley|Pleasanton = Tri-Valley|Sacramento = NorCal, Sacto|"
    "San Bernardino County = Inland Empire|San Fernando Valley = SFV, The Valley|"
    "San Gabriel Valley = SGV|San Luis Obispo County = Central Coast|"
    "Santa Clara County = Silicon Valley|Santa Clarita = Santa Clarita Valley, SCV|"
    "Sonoma County = North Bay, Wine Country|South Lake Tahoe = Lake Tahoe, Tahoe|"
    "Thousand Oaks = Conejo Valley|Victorville = High Desert",
    ("US", "CO"): "Alamosa County = San Luis Valley|Denver = Front Range|"
    "Garfield County = Roaring Fork Valley|Mesa County = Western Slope",
    ("US", "FL"): "Bay County = Florida Panhandle|Brevard County = Space Coast|"
    "Broward County = South Florida|Jacksonville = First Coast|"
    "Lee County = Southwest Florida, SWFL|Monroe County = Florida Keys, The Keys|"
    "Okaloosa County = Emerald Coast|Orange County = Central Florida|"
    "St. Lucie County = Treasure Coast|Tampa = Tampa Bay, Tampa Bay Area",
    ("US", "HI"): "Hawaii County = Big Island, The Big Island|Honolulu County = Oahu|"
    "Kauai County = Kauai|Maui County = Maui",
    ("US", "ID"): "Ada County = Treasure Valley|Twin Falls County = Magic Valley",
    ("US", "IL"): "Chicago = Chicagoland|Jackson County = Southern Illinois|"
    "St. Clair County = Metro East",
    ("US", "IN"): "Lake County = Northwest Indiana, NWI",
    ("US", "KY"): "Kenton County = Northern Kentucky, NKY|Perry County = Eastern Kentucky",
    ("US", "LA"): "Lafayette Parish = Acadiana|St. Tammany Parish = Northshore",
    ("US", "MA"): "Barnstable County = Cape Cod, The Cape|"
    "Berkshire County = Berkshires, The Berkshires|Dukes County = Martha's Vineyard|"
    "Essex County = Merrimack Valley|Framingham = MetroWest|"
    "Hampden County = Western Mass, Western Massachusetts|"
    "Hampshire County = Pioneer Valley|Worcester County = Central Mass",
    ("US", "MD"): "Allegany County = Western Maryland|Charles County = Southern Maryland|"
    "Talbot County = Eastern Shore|Wicomico County = Delmarva",
    ("US", "ME"): "Hancock County = Down East, Downeast",
    ("US", "MI"): "Detroit = Metro Detroit|Grand Traverse County = Northern Michigan|"
    "Kent County = West Michigan|Marquette County = Upper Peninsula",
    ("US", "MN"): "Virginia = Iron Range",
    ("US", "MO"): "Camden County = Lake of the Ozarks|Dunklin County = Bootheel|"
    "Greene County = Ozarks, The Ozarks|Kansas City = KC, KCMO",
    ("US", "MS"): "Harrison County = Mississippi Gulf Coast|Sunflower County = Mississippi Delta",
    ("US", "MT"): "Flathead County = Flathead Valley",
    ("US", "NC"): "Buncombe County = Western North Carolina, WNC|Dare County = OBX, Outer Banks|"
    "Durham = Research Triangle, RTP|Guilford County = Piedmont Triad",
    ("US", "NH"): "Belknap County = Lakes Region|Carroll County = White Mountains",
    ("US", "NJ"): "Camden County = South Jersey|Essex County = North Jersey|"
    "Middlesex County = Central Jersey|Monmouth County = Jersey Shore",
    ("US", "NM"): "San Juan County = Four Corners",
    ("US", "NY"): "Albany County = Capital District|Broome County = Southern Tier|"
    "Dutchess County = Hudson Valley|Erie County = Western New York, WNY|"
    "Essex County = Adirondacks, The Adirondacks|Onondaga County = Central New York, CNY|"
    "Ontario County = Finger Lakes|Southampton = Hamptons, The Hamptons|"
    "Suffolk County = Long Island|Sullivan County = Catskills, The Catskills",
    ("US", "OH"): "Mahoning County = Mahoning Valley|Montgomery County = Miami Valley",
    ("US", "OR"): "Deschutes County = Central Oregon|Jackson County = Rogue Valley|"
    "Lincoln County = Oregon Coast|Marion County = Willamette Valley|Portland = PDX",
    (
        "US",
        "PA",
    ): "Ardmore = Main Line, The Main Line|Lackawanna County = NEPA, Northeast Pennsylvania|"
    "Lehigh County = Lehigh Valley|"
    "Monroe County = Pocono Mountains, Poconos, The Poconos|"
    "Somerset County = Laurel Highlands",
    ("US", "SC"): "Charleston County = Lowcountry|Greenville County = Upstate South Carolina|"
    "Horry County = Grand Strand",
    ("US", "SD"): "Pennington County = Black Hills",
    ("US", "TN"): "Knox County = East Tennessee|Madison County = West Tennessee|"
    "Rutherford County = Middle Tennessee|"
    "Sevier County = Great Smoky Mountains, Smoky Mountains, The Smokies",
    ("US", "TX"): "Austin = ATX|Dallas = Dallas Fort Worth, DFW, Metroplex|"
    "Hidalgo County = RGV, Rio Grande Valley|"
    "Kerr County = Hill Country, Texas Hill Country|Midland County = Permian Basin|"
    "Potter County = Texas Panhandle|Smith County = East Texas",
    ("US", "UT"): "Salt Lake County = Wasatch Front|Utah County = Utah Valley",
    ("US", "VA"): "Fairfax County = Northern Virginia|Norfolk = Hampton Roads|"
    "Rockingham County = Shenandoah Valley",
    ("US", "VT"): "Orleans County = Northeast Kingdom",
    ("US", "WA"): "Clallam County = Olympic Peninsula|Seattle = Puget Sound|"
    "Spokane County = Inland Northwest|Yakima County = Yakima Valley",
    ("US", "WI"): "Oneida County = Northwoods|Outagamie County = Fox Cities, Fox Valley",
    ("US", "WV"): "Berkeley County = Eastern Panhandle",
}
# What people say they are near to (bases, universities, sights), and the town that it is in, by
# region. Names that other towns are known by are left out.
LANDMARKS = {
    ("US", "AK"): "Anchorage = Elmendorf AFB, JBER|Fairbanks = Eielson AFB",
    ("US", "AL"): "Montgomery = Maxwell AFB",
    ("US", "AZ"): "Flagstaff = NAU|Glendale = Luke AFB|Tempe = ASU|"
    "Tucson = Davis Monthan, University of Arizona",
    ("US", "CA"): "Anaheim = Disneyland|Berkeley = Cal Berkeley, UC Berkeley|Davis = UC Davis|"
    "Inglewood = LAX|Lancaster = Edwards AFB|Lemoore = NAS Lemoore|Los Angeles = UCLA, USC|"
    "San Diego = SDSU, UC San Diego, UCSD|Santa Barbara = UCSB|Santa Cruz = UCSC|"
    "Twentynine Palms = 29 Palms",
    ("US", "CO"): "Boulder = CU Boulder|Fort Collins = Colorado State University",
    ("US", "CT"): "New Haven = Yale University",
    ("US", "FL"): "Gainesville = University of Florida|"
    "Jacksonville = Naval Air Station Jacksonville, NAS Jax|"
    "Orlando = Disney World, UCF, Walt Disney World|Tallahassee = FSU|Tampa = MacDill AFB",
    ("US", "GA"): "Augusta = Fort Gordon",
    ("US", "HI"): "Honolulu = Pearl Harbor",
    ("US", "IL"): "Chicago = O'Hare",
    ("US", "LA"): "Baton Rouge = LSU|Bossier City = Barksdale AFB",
    ("US", "MA"): "Boston = Fenway|Cambridge = Harvard Square",
    ("US", "MI"): "Ann Arbor = University of Michigan|East Lansing = Michigan State",
    ("US", "MS"): "Biloxi = Keesler AFB",
    ("US", "MT"): "Great Falls = Malmstrom AFB",
    ("US", "NE"): "Bellevue = Offutt AFB",
    ("US", "NJ"): "New Brunswick = Rutgers",
    ("US", "NM"): "Alamogordo = Holloman AFB|Albuquerque = Kirtland AFB, UNM",
    ("US", "NV"): "Las Vegas = Las Vegas Strip, Nellis AFB, The Strip, UNLV, Vegas Strip",
    ("US", "NY"): "Manhattan = Grand Central, Lower Manhattan, Penn Station, Upper Manhattan, "
    "Wall Street|Queens = JFK Airport",
    ("US", "OH"): "Columbus = Ohio State|Dayton = Wright Patterson, Wright Patterson AFB",
    ("US", "PA"): "Philadelphia = Drexel University, Temple University, UPenn|"
    "State College = Penn State",
    ("US", "SC"): "Columbia = Fort Jackson",
    ("US", "TX"): "Abilene = Dyess AFB|Austin = UT Austin|College Station = Texas A&M|"
    "Lubbock = Texas Tech|San Angelo = Goodfellow AFB|"
    "San Antonio = Fort Sam Houston, JBSA, Lackland AFB, UTSA",
    ("US", "VA"): "Blacksburg = Virginia Tech|Norfolk = Naval Station Norfolk, Norfolk Naval Base",
    ("US", "WA"): "Lakewood = JBLM|Oak Harbor = Whidbey Island|Seattle = Pike Place|"
    "Spokane = Fairchild AFB",
}
# Parts of cities that people call by name and GeoNames' list of cities has not, by region: name,
# latitude and longitude. Names that other towns are known by are left out.
NEIGHBORHOODS = {
    ("CA", "AB"): "Mill Woods 53.456 -113.430|Old Strathcona 53.518 -113.496",
    ("US", "CA"): "Barrio Logan 32.698 -117.142|Castro District 37.762 -122.435|"
    "City Heights 32.750 -117.098|Fruitvale 37.775 -122.224|Haight-Ashbury 37.770 -122.446|"
    "Logan Heights 32.700 -117.120|Los Feliz 34.106 -118.284|Pacific Beach 32.795 -117.238|"
    "Richmond District 37.780 -122.477|San Fernando Valley 34.190 -118.460|"
    "San Gabriel Valley 34.090 -118.020|"
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
