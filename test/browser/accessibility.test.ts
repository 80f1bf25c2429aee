import { axe } from './axe.js'

axe('en-GB')
