/**
 * Words by which a subject is known, by subject. Hand-made, English: what people ask language models about.
 *
 * Wider and weaker than synonyms: `oven` and `recipe` are of one subject and not of one meaning. Words that are as
 * often about something else (`return`, `mean`, `match`) are left out. A subject is known by its name.
 */
export const topics: Readonly<Record<string, string>> = Object.freeze({
  cooking: `
    recipe cook dinner bake oven meal ingredient kitchen dish chef lunch breakfast supper soup stew roast fry
    boil grill marinade dough bread cake pasta sauce vegetable chicken beef pork fish salmon cheese onion garlic
    salad cuisine spice seasoning dessert cookie vegan vegetarian lasagna pizza rice egg flour butter leftover
    snack casserole curry
  `,
  health: `
    doctor symptom pain fever headache cough flu nurse hospital clinic diagnosis medicine medication pill dose
    prescription therapy therapist patient illness disease infection allergy vaccine surgery blood migraine
    nausea rash throat ache injury medical physician cure dizzy diabetes asthma pregnancy dentist anxiety
    depression insomnia
  `,
  fitness: 'workout exercise gym muscle cardio squat yoga stretch marathon jog weightlifting endurance pushup',
  nutrition: 'diet calorie protein vitamin nutrition nutrient carb carbohydrate fiber meal',
  travel: `
    flight hotel itinerary trip vacation travel traveler airport luggage suitcase passport visa tourist
    sightseeing backpack airline airfare holiday hostel cruise destination tour abroad layover airbnb resort
    beach museum fly
  `,
  database: `
    sql query database index table join schema postgres postgresql mysql sqlite row column select transaction
    migration prisma orm mongodb nosql
  `,
  programming: `
    code program programmer function bug compile compiler debug python javascript typescript java cpp csharp
    rust golang kotlin php ruby swift method variable loop array string script algorithm refactor developer
    software recursion recursive exception syntax async pointer object
  `,
  testing: `
    test unit assertion assert mock vitest jest pytest coverage regression bug stack trace debug failing
    integration flaky
  `,
  frontend: `
    html css javascript react vue angular component button page website browser responsive frontend layout
    flexbox dom
  `,
  devops: `
    docker kubernetes container deploy deployment pipeline ci server cloud aws azure terraform nginx linux
    cluster helm cron monitoring
  `,
  networking: 'api endpoint rest http json request graphql webhook client server oauth token socket proxy',
  versioning: 'git commit branch merge rebase repository github pull diff',
  machinelearning: `
    dataset regression classification classifier neural model pandas numpy dataframe cluster statistics machine
    prediction predict forecast embedding
  `,
  statistics: `
    median variance deviation probability regression correlation hypothesis sample distribution statistics
    outlier average significance
  `,
  spreadsheet: `
    spreadsheet excel csv column row cell pivot chart formula sheet dashboard graph plot pandas dataframe
  `,
  law: `
    contract clause tenant landlord lease rental lawyer attorney court lawsuit liability legal law agreement
    plaintiff defendant jurisdiction breach statute regulation compliance gdpr indemnity nda copyright patent
    trademark eviction sue litigation judge
  `,
  finance: `
    invest investment stock bond portfolio dividend retirement pension savings mortgage loan budget debt tax
    credit fund etf inflation bank money
  `,
  accounting: 'invoice payment billing receipt expense ledger accounting audit revenue profit tax payroll',
  support: `
    refund customer complaint complain ticket order shipping delivery replacement warranty support apology
    apologize parcel package arrive damaged invoice payment subscription buyer
  `,
  banking: 'bank account card atm deposit withdrawal transfer pin credit debit overdraft',
  education: `
    teacher student lesson classroom homework exam quiz school curriculum university college tutor essay lecture
    study pupil syllabus teach worksheet
  `,
  mathematics: `
    equation algebra calculus geometry derivative integral solve theorem proof matrix fraction triangle
    polynomial math mathematics arithmetic prime
  `,
  writing: `
    story novel poem poetry essay blog article chapter paragraph fiction character plot narrative tale verse
    haiku rhyme sonnet author prose screenplay dialogue grammar proofread
  `,
  email: 'email letter mail reply inbox newsletter memo recipient',
  marketing: `
    marketing campaign brand advertise advertisement slogan tagline audience seo social instagram tweet
    copywriting launch promotion landing newsletter
  `,
  career: 'resume cv interview job hire recruiter salary career promotion linkedin candidate employer resignation',
  business: `
    startup company revenue strategy stakeholder market competitor pitch investor saas business entrepreneur kpi
    roadmap
  `,
  meeting: 'meeting agenda standup conference attendee calendar appointment',
  science: `
    physics chemistry biology atom molecule cell gene dna evolution quantum gravity photosynthesis experiment
    planet
  `,
  history: 'war empire revolution century ancient king queen medieval historical dynasty treaty civilization',
  music: 'music song chord guitar piano melody lyric album band singer concert rhythm',
  gardening: 'garden plant seed soil flower tomato lawn compost prune fertilizer',
  parenting: 'baby toddler child parent bedtime kid infant daycare newborn',
  pets: 'dog cat puppy kitten pet vet leash litter',
  weather: 'weather rain snow forecast temperature storm sunny umbrella wind cloudy',
  cars: 'car engine tire brake oil mechanic vehicle garage mileage',
  housing: 'furniture bedroom kitchen bathroom apartment renovate plumbing faucet roof carpet heating',
  sport: 'football soccer basketball tennis baseball team league tournament coach player',
  security: 'password encryption vulnerability hacker phishing malware firewall authentication breach attack',
});
